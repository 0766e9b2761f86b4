_base_ = ['./directpose_r50_fpn_8xb4-100e_coco-800x1333.py']

# The backbone of mmdet's FCOS checkpoints, whose weights tools/convert.py takes over
model = dict(
    data_preprocessor=dict(
        mean=[102.9801, 115.9465, 122.7717],
        std=[1.0, 1.0, 1.0],
        bgr_to_rgb=False),
    backbone=dict(
        norm_cfg=dict(type='BN', requires_grad=False),
        style='caffe',
        init_cfg=dict(
            type='Pretrained',
            checkpoint='open-mmlab://detectron/resnet50_caffe')))
