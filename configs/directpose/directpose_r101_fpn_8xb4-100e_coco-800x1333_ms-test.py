_base_ = ['./directpose_r50_fpn_8xb4-100e_coco-800x1333_ms-test.py']

model = dict(
    backbone=dict(
        depth=101,
        init_cfg=dict(
            type='Pretrained', checkpoint='torchvision://resnet101')))
