_base_ = [
    '../_base_/models/directpose_r50_fpn.py',
    '../_base_/datasets/coco_keypoints_800.py',
    '../_base_/default_runtime.py'
]

# A set so small that a model trained from scratch can only learn it by heart; see docs/results.md
data_root = 'data/coco_mini/'
train_pipeline = [
    dict(type='LoadImage'),
    dict(type='IgnoreCrowds'),
    dict(
        type='RandomScaleCrop',
        short_side=(480, 480),
        long_side=640,
        crop_size=(640, 640)),
    dict(type='PseudoBoxes'),
    dict(type='FilterAnnotations', by_kpt=True, by_box=True, keep_empty=False),
    dict(type='GenerateTarget', encoder=_base_.codec),
    dict(type='PackPoseInputs', meta_keys=_base_.meta_keys),
]
val_pipeline = [
    dict(type='LoadImage'),
    dict(type='ResizeKeepRatio', short_side=480, long_side=640),
    dict(type='PackPoseInputs', meta_keys=_base_.meta_keys),
]
train_dataloader = dict(
    batch_size=8,
    num_workers=2,
    drop_last=True,
    dataset=dict(
        data_root=data_root,
        ann_file='train_exact.json',
        data_prefix=dict(img='images/'),
        pipeline=train_pipeline))
val_dataloader = dict(
    num_workers=1,
    dataset=dict(
        data_root=data_root,
        ann_file='train_exact.json',
        data_prefix=dict(img='images/'),
        pipeline=val_pipeline))
test_dataloader = val_dataloader
val_evaluator = dict(ann_file=data_root + 'train_exact.json')
test_evaluator = val_evaluator

# model
model = dict(
    backbone=dict(depth=18, frozen_stages=-1, norm_eval=False, init_cfg=None),
    neck=dict(in_channels=[64, 128, 256, 512], out_channels=128),
    bbox_head=dict(
        in_channels=128,
        feat_channels=128,
        kpt_channels=288,
        kpt_predictor=dict(group_channels=32)),
    heatmap_head=dict(in_channels=128, feat_channels=64))

# schedule
max_epochs = 300
train_cfg = dict(max_epochs=max_epochs, val_interval=20)
optim_wrapper = dict(
    optimizer=dict(type='AdamW', lr=1e-3, weight_decay=0.01),
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
auto_scale_lr = dict(base_batch_size=8)
