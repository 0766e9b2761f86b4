_base_ = [
    '../_base_/models/keypoint-rcnn_tiny.py',
    '../_base_/datasets/coco_keypoints_boxes_800.py',
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
val_evaluator = [{
    **metric, 'ann_file': data_root + 'annotations/val.json'
} for metric in _base_.val_evaluator]
test_evaluator = val_evaluator

max_epochs = 5
train_cfg = dict(max_epochs=max_epochs, val_interval=1)
optim_wrapper = dict(optimizer=dict(lr=2e-3))
param_scheduler = __import__('directpose').override_by_type(
    _base_.param_scheduler, CosineAnnealingLR=dict(T_max=max_epochs))
