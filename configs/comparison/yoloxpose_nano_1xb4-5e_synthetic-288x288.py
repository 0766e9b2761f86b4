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
load, mosaic, affine, colour, *_ = _base_.train_pipeline_stage1
mosaic = {**mosaic, 'img_scale': input_size}
affine = {**affine, 'input_size': input_size}
# mmpose 1.3.2's PackPoseInputs does not take the arguments of stage 1.
*_, clean, target, pack = _base_.train_pipeline_stage2
target = {**target, 'encoder': codec}
train_pipeline_stage1 = [load, mosaic, affine, colour, clean, target, pack]
load, affine, colour, *_ = _base_.train_pipeline_stage2
affine = {**affine, 'input_size': input_size}
train_pipeline_stage2 = [load, affine, colour, clean, target, pack]
load, resize, pack = _base_.val_pipeline
val_pipeline = [load, {**resize, 'input_size': input_size}, pack]
del load, mosaic, affine, colour, clean, target, pack, resize, _
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

# schedule: mmpose's rate is 4e-3 for 256 images; by the square root of the batch it would be 5e-4
# here, which is little for so short a training from random weights
max_epochs = 5
train_cfg = dict(max_epochs=max_epochs, val_interval=1, dynamic_intervals=None)
optim_wrapper = dict(optimizer=dict(lr=1e-3))
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
        T_max=max_epochs,
        end=max_epochs,
        by_epoch=True,
        convert_to_iter_based=True),
]
default_hooks = dict(checkpoint=dict(interval=1, save_best='coco/AP', rule='greater'))
mode, sync, ema = _base_.custom_hooks
custom_hooks = [
    {
        **mode, 'num_last_epochs': 1,
        'new_train_pipeline': train_pipeline_stage2
    }, {
        **ema, 'momentum': 0.002
    }
]
del mode, sync, ema
auto_scale_lr = dict(base_batch_size=4)
