_base_ = ['../directpose/directpose_r50_fpn_8xb4-100e_coco-800x1333.py']

# docs/directpose_v2.md. The paper's recipe, with another head.
model = dict(
    bbox_head=dict(
        type='mmdet.DirectPoseV2Head',
        kpt_predictor=dict(type='mmdet.IteratedKPAlign'),
        loss_oks=dict(type='mmdet.OKSLoss'),
        # the score of a keypoint: how probable it is that it was found
        loss_vis=dict(
            type='mmdet.CrossEntropyLoss', use_sigmoid=True, loss_weight=0.2),
        vis_target=dict(type='mmdet.FoundKeypoints')))
