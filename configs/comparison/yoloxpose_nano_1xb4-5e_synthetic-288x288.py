_base_ = [
    'mmpose::body_2d_keypoint/yoloxpose/coco/'
    'yoloxpose_tiny_4xb64-300e_coco-416.py'
]

# mmpose's recipe scaled down, for comparison with the other small models: fewer channels, random
# weights, images of about 256 pixels, no flip, since left and right limbs differ in colour.
custom_imports = dict(imports=['directpose'])  # for checkpoints under torch >= 2.6
input_size = (288, 288)
widen_factor = 0.25
codec = {**_base_.codec, 'input_size': input_size}
model = dict(
    data_preprocessor=dict(batch_augments=[
        dict(
            type='BatchSyncRandomResize',
            random_size_range=(224, 352),
            size_divisor=32,
            interval=1)
    ]),
    backbone=dict(widen_factor=widen_factor, init_cfg=None),
    neck=dict(in_channels=[64, 128, 256], out_channels=64),
    head=dict(head_module_cfg=dict(widen_factor=widen_factor)))

# data
data_root = 'work_dirs/demo/data/'
target = dict(encoder=codec)
train_pipeline_stage1 = [
    *__import__('directpose').override_by_type(
        _base_.train_pipeline_stage1,
        Mosaic=dict(img_scale=input_size),
        BottomupRandomAffine=dict(input_size=input_size),
        RandomFlip=None,
        GenerateTarget=target,
        PackPoseInputs=None),
    # mmpose 1.3.2's does not take the arguments of its config
    dict(type='PackPoseInputs'),
]
train_pipeline_stage2 = __import__('directpose').override_by_type(
    _base_.train_pipeline_stage2,
    BottomupRandomAffine=dict(input_size=input_size),
    RandomFlip=None,
    GenerateTarget=target)
val_pipeline = __import__('directpose').override_by_type(
    _base_.val_pipeline, BottomupResize=dict(input_size=input_size))
del target
train_dataloader = dict(
    batch_size=4,
    num_workers=1,
    dataset=dict(
        data_root=data_root,
        ann_file='annotations/train.json',
        data_prefix=dict(img='images/'),
        pipeline=train_pipeline_stage1))
val_dataloader = dict(
    num_workers=1,
    dataset=dict(
        data_root=data_root,
        ann_file='annotations/val.json',
        data_prefix=dict(img='images/'),
        pipeline=val_pipeline))
test_dataloader = val_dataloader
val_evaluator = dict(ann_file=data_root + 'annotations/val.json')
test_evaluator = val_evaluator

# schedule: mmpose's rate of 4e-3 for 256 images, scaled by the square root of the batch
max_epochs = 5
train_cfg = dict(max_epochs=max_epochs, val_interval=1, dynamic_intervals=None)
optim_wrapper = dict(optimizer=dict(lr=5e-4))
param_scheduler = [
    dict(
        type='QuadraticWarmupLR',
        by_epoch=True,
        begin=0,
        end=1,
        convert_to_iter_based=True),
    dict(
        type='CosineAnnealingLR',
        eta_min=5e-5,
        begin=1,
        T_max=max_epochs - 1,
        end=max_epochs,
        by_epoch=True,
        convert_to_iter_based=True),
]
default_hooks = dict(checkpoint=dict(interval=1, save_best='coco/AP', rule='greater'))
custom_hooks = __import__('directpose').override_by_type(
    _base_.custom_hooks,
    YOLOXPoseModeSwitchHook=dict(
        num_last_epochs=1, new_train_pipeline=train_pipeline_stage2),
    SyncNormHook=None,
    EMAHook=dict(momentum=0.002))
auto_scale_lr = dict(base_batch_size=4)
