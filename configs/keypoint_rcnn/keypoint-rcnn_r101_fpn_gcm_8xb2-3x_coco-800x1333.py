_base_ = ['./keypoint-rcnn_r50_fpn_gcm_8xb2-3x_coco-800x1333.py']

model = dict(
    backbone=dict(
        depth=101,
        init_cfg=dict(
            type='Pretrained', checkpoint='torchvision://resnet101')))
