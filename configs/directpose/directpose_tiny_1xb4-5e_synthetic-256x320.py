_base_ = [
    '../_base_/models/directpose_tiny.py',
    '../_base_/datasets/coco_keypoints_800.py',
    '../_base_/default_runtime.py'
]

# data: no flip, since left and right limbs differ in colour
data_root = 'work_dirs/demo/data/'
train_pipeline = [
    dict(type='LoadImage'),
    dict(type='IgnoreCrowds'),
    dict(
        type='RandomScaleCrop',
        short_side=(232, 296),
        long_side=400,
        crop_size=(256, 256)),
    dict(type='PseudoBoxes'),
    dict(type='FilterAnnotations', by_kpt=True, by_box=True, keep_empty=False),
    dict(type='GenerateTarget', encoder=_base_.codec),
    dict(type='PackPoseInputs', meta_keys=_base_.meta_keys),
]
val_pipeline = [
    dict(type='LoadImage'),
    dict(type='ResizeKeepRatio', short_side=256, long_side=320),
    dict(type='PackPoseInputs', meta_keys=_base_.meta_keys),
]
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
        regress_ranges=[(-1, 96), (96, 192), (192, float('inf'))]))

# schedule
max_epochs = 5
train_cfg = dict(max_epochs=max_epochs, val_interval=max_epochs)
optim_wrapper = dict(
    optimizer=dict(type='AdamW', lr=3e-3, weight_decay=0.05),
    paramwise_cfg=dict(norm_decay_mult=0., bias_decay_mult=0.),
    clip_grad=dict(max_norm=10.))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=100),
    dict(
        type='CosineAnnealingLR',
        T_max=max_epochs,
        eta_min=0,
        by_epoch=True,
        convert_to_iter_based=True),
]
auto_scale_lr = dict(base_batch_size=4)
