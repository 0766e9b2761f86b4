_base_ = ['./directposev2-s_8xb32-300e_coco-640x640.py']

model = dict(
    backbone=dict(
        deepen_factor=0.67,
        widen_factor=0.75,
        init_cfg=dict(
            checkpoint='https://download.openmmlab.com/mmpose/v1/'
            'pretrained_models/yolox_m_8x8_300e_coco_20230829.pth')),
    neck=dict(
        in_channels=[192, 384, 768],
        out_channels=192,
        num_csp_blocks=2),
    bbox_head=dict(
        in_channels=192,
        feat_channels=192,
        kpt_predictor=dict(group_channels=48)),
    heatmap_head=dict(in_channels=192))
train_dataloader = dict(batch_size=16)
