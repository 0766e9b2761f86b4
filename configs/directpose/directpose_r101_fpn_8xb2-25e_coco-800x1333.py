_base_ = ['./directpose_r50_fpn_8xb2-25e_coco-800x1333.py']

model = dict(
    backbone=dict(
        depth=101,
        init_cfg=dict(
            type='Pretrained', checkpoint='torchvision://resnet101')))
