# Tells the number of keypoints and their names; the file comes with mmpose.
metainfo = dict(from_file='configs/_base_/datasets/coco.py')
keypoint_groups = [
    ('nose', 'left_eye', 'right_eye', 'left_ear', 'right_ear'),
    ('left_shoulder', ),
    ('left_elbow', 'left_wrist'),
    ('right_shoulder', ),
    ('right_elbow', 'right_wrist'),
    ('left_hip', ),
    ('left_knee', 'left_ankle'),
    ('right_hip', ),
    ('right_knee', 'right_ankle'),
]

model = dict(
    type='mmdet.DirectPose',
    metainfo=metainfo,
    data_preprocessor=dict(
        type='mmpose.PoseDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
        pad_size_divisor=32,
        non_blocking=True),
    backbone=dict(
        type='mmdet.ResNet',
        depth=50,
        num_stages=4,
        out_indices=(0, 1, 2, 3),
        frozen_stages=1,
        norm_cfg=dict(type='BN', requires_grad=True),
        norm_eval=True,
        style='pytorch',
        init_cfg=dict(
            type='Pretrained', checkpoint='torchvision://resnet50')),
    neck=dict(
        type='mmdet.FPN',
        in_channels=[256, 512, 1024, 2048],
        out_channels=256,
        start_level=1,
        add_extra_convs='on_output',
        num_outs=5,
        relu_before_extra_convs=True),
    bbox_head=dict(
        type='mmdet.DirectPoseHead',
        kpt_predictor=dict(type='mmdet.KPAlign', groups=keypoint_groups)),
    heatmap_head=dict(type='mmdet.KeypointHeatmapHead'),
    test_cfg=dict(
        score_thr=0.05, nms_pre=1000, iou_thr=0.6, max_per_img=100))
