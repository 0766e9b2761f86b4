_base_ = [
    '../_base_/models/directpose_tiny.py',
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
        short_side=(320, 320),
        long_side=448,
        crop_size=(448, 448)),
    dict(type='PseudoBoxes'),
    dict(type='FilterAnnotations', by_kpt=True, by_box=True, keep_empty=False),
    dict(type='GenerateTarget', encoder=_base_.codec),
    dict(type='PackPoseInputs', meta_keys=_base_.meta_keys),
]
val_pipeline = [
    dict(type='LoadImage'),
    dict(type='ResizeKeepRatio', short_side=320, long_side=448),
    dict(type='PackPoseInputs', meta_keys=_base_.meta_keys),
]
train_dataloader = dict(
    batch_size=4,
    num_workers=1,
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

# schedule
max_epochs = 300
train_cfg = dict(max_epochs=max_epochs, val_interval=25)
optim_wrapper = dict(
    optimizer=dict(type='AdamW', lr=2e-3, weight_decay=0.01),
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
default_hooks = dict(checkpoint=dict(interval=25))
