_base_ = ['../directpose/directpose_tiny_1xb4-4e_synthetic-coco-256x320.py']

# as the demo's model
model = dict(
    bbox_head=dict(
        type='mmdet.DirectPoseV2Head',
        kpt_predictor=dict(type='mmdet.IteratedKPAlign'),
        loss_oks=dict(type='mmdet.OKSLoss', loss_weight=2.0)))
