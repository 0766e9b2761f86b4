_base_ = [
    '../_base_/models/directpose_tiny.py',
    '../_base_/datasets/coco_keypoints_800.py',
    '../_base_/schedules/adamw.py'
]

# data: no flip, since left and right limbs differ in colour
data_root = 'work_dirs/demo/data/'
train_pipeline = __import__('directpose').override_by_type(
    _base_.train_pipeline,
    RandomFlip=None,
    RandomScaleCrop=dict(
        short_side=(232, 296), long_side=400, crop_size=(256, 256)))
val_pipeline = __import__('directpose').override_by_type(
    _base_.val_pipeline, ResizeKeepRatio=dict(short_side=256, long_side=320))
train_dataloader = dict(
    batch_size=4,
    num_workers=1,
    dataset=dict(
        data_root=data_root,
        ann_file='annotations/train.json',
        data_prefix=dict(img='images/'),
        pipeline=train_pipeline))
val_dataloader = dict(
    batch_size=1,
    num_workers=1,
    dataset=dict(
        data_root=data_root,
        ann_file='annotations/val.json',
        data_prefix=dict(img='images/'),
        pipeline=val_pipeline))
test_dataloader = val_dataloader
val_evaluator = dict(ann_file=data_root + 'annotations/val.json')
test_evaluator = val_evaluator

# model: people of up to 300 pixels, most of them predicted at the finest level
model = dict(
    backbone=dict(
        num_stages=3,
        strides=(1, 2, 2),
        dilations=(1, 1, 1),
        out_indices=(0, 1, 2)),
    neck=dict(in_channels=[32, 64, 128], num_outs=3),
    bbox_head=dict(
        strides=[8, 16, 32],
        regress_ranges=[(-1, 96), (96, 192), (192, 1e8)],
        loss_kpt=dict(type='mmdet.SmoothL1Loss', beta=1 / 9, loss_weight=3.0),
        # the score of a keypoint: how probable it is that it was found
        loss_vis=dict(
            type='mmdet.CrossEntropyLoss', use_sigmoid=True, loss_weight=0.2),
        vis_target=dict(type='mmdet.FoundKeypoints')),
    # from random weights this branch teaches the backbone where joints are
    heatmap_head=dict(
        loss=dict(type='mmdet.SigmoidFocalLoss', loss_weight=16.0)),
    test_cfg=dict(iou_thr=0.4))
