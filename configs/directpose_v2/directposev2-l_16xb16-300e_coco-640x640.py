_base_ = ['./directposev2-s_8xb32-300e_coco-640x640.py']

model = dict(
    backbone=dict(
        deepen_factor=1.0,
        widen_factor=1.0,
        init_cfg=dict(
            checkpoint='https://download.openmmlab.com/mmdetection/v2.0/'
            'yolox/yolox_l_8x8_300e_coco/yolox_l_8x8_300e_coco_'
            '20211126_140236-d3bd2b23.pth')),
    neck=dict(
        in_channels=[256, 512, 1024],
        out_channels=256,
        # YOLOX-l has 3, which would make more parameters than RTMO-l's
        num_csp_blocks=2),
    bbox_head=dict(
        in_channels=256,
        feat_channels=160,
        kpt_predictor=dict(group_channels=64)),
    heatmap_head=dict(in_channels=256))
train_dataloader = dict(batch_size=16)
