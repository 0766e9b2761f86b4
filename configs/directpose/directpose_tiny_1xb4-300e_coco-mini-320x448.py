_base_ = [
    '../_base_/models/directpose_tiny.py',
    '../_base_/datasets/coco_keypoints_800.py',
    '../_base_/schedules/adamw.py'
]

# A set so small that a model trained from scratch can only learn it by heart; see docs/results.md
data_root = 'data/coco_mini/'
train_pipeline = __import__('directpose').override_by_type(
    _base_.train_pipeline,
    RandomFlip=None,
    RandomScaleCrop=dict(
        short_side=(320, 320), long_side=448, crop_size=(448, 448)))
val_pipeline = __import__('directpose').override_by_type(
    _base_.val_pipeline, ResizeKeepRatio=dict(short_side=320, long_side=448))
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
optim_wrapper = dict(optimizer=dict(lr=2e-3, weight_decay=0.01))
param_scheduler = __import__('directpose').override_by_type(
    _base_.param_scheduler, CosineAnnealingLR=dict(T_max=max_epochs))
default_hooks = dict(checkpoint=dict(interval=25))
