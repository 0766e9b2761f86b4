# Backbone and neck of YOLOX-Pose. Poses are predicted at strides 16 and 32; KPAlign also reads
# stride 8.
_base_ = ['./directpose_r50_fpn.py']

norm_cfg = dict(type='BN', momentum=0.03, eps=0.001)
act_cfg = dict(type='Swish')
model = dict(
    data_preprocessor=dict(
        # as the pretrained backbone takes images
        mean=[0, 0, 0],
        std=[1, 1, 1],
        bgr_to_rgb=False,
        pad_value=114,  # as in the training's mosaics
        batch_augments=[
            dict(
                type='mmpose.BatchSyncRandomResize',
                random_size_range=(480, 800),
                size_divisor=32,
                interval=1)
        ]),
    backbone=dict(
        _delete_=True,
        type='mmpose.CSPDarknet',
        deepen_factor=0.33,
        widen_factor=0.5,
        out_indices=(2, 3, 4),
        spp_kernal_sizes=(5, 9, 13),
        norm_cfg=norm_cfg,
        act_cfg=act_cfg,
        init_cfg=dict(
            type='Pretrained',
            checkpoint='https://download.openmmlab.com/mmdetection/v2.0/'
            'yolox/yolox_s_8x8_300e_coco/yolox_s_8x8_300e_coco_'
            '20211121_095711-4592a793.pth',
            prefix='backbone.')),
    neck=dict(
        _delete_=True,
        type='mmpose.YOLOXPAFPN',
        in_channels=[128, 256, 512],
        out_channels=128,
        num_csp_blocks=1,
        upsample_cfg=dict(scale_factor=2, mode='nearest'),
        norm_cfg=norm_cfg,
        act_cfg=act_cfg),
    bbox_head=dict(
        type='mmdet.DirectPoseV2Head',
        in_channels=128,
        feat_channels=128,
        stacked_convs=2,
        kpt_first_kernel=1,
        finer_strides=[8],
        strides=[16, 32],
        regress_ranges=[(-1, 192), (192, 1e8)],
        kpt_predictor=dict(type='mmdet.IteratedKPAlign', group_channels=32),
        loss_kpt=dict(type='mmdet.SmoothL1Loss', beta=1 / 9, loss_weight=3.0),
        loss_oks=dict(type='mmdet.OKSLoss', loss_weight=2.0),
        loss_vis=dict(
            type='mmdet.CrossEntropyLoss', use_sigmoid=True, loss_weight=0.2),
        vis_target=dict(type='mmdet.FoundKeypoints')),
    heatmap_head=dict(in_channels=128, feat_channels=128),
    test_cfg=dict(iou_thr=0.65))
