_base_ = ['mmpose::body_2d_keypoint/rtmo/coco/rtmo-s_8xb32-600e_coco-640x640.py']

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
    neck=dict(
        in_channels=[64, 128, 256],
        widen_factor=widen_factor,
        hidden_dim=128,
        encoder_cfg=dict(
            self_attn_cfg=dict(embed_dims=128),
            ffn_cfg=dict(embed_dims=128, feedforward_channels=512)),
        projector=dict(in_channels=[128, 128], out_channels=128)),
    head=dict(
        head_module_cfg=dict(widen_factor=widen_factor, pose_vec_channels=128),
        dcc_cfg=dict(in_channels=128)),
    test_cfg=dict(input_size=input_size))

# data
data_root = 'work_dirs/demo/data/'
target = dict(encoder=codec)
train_pipeline_stage1 = __import__('directpose').override_by_type(
    _base_.train_pipeline_stage1,
    Mosaic=dict(img_scale=input_size),
    BottomupRandomAffine=dict(input_size=input_size),
    YOLOXMixUp=dict(img_scale=input_size),
    RandomFlip=None,
    GenerateTarget=target)
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

# schedule: mmpose's other losses begin after 280 of 600 epochs, here after 2 of 5; the rate, which
# rises again there, falls once
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
    RTMOModeSwitchHook=dict(epoch_attributes={
        2: {
            'proxy_target_cc': True,
            'loss_mle.loss_weight': 5.0,
            'loss_oks.loss_weight': 10.0
        }
    }),
    SyncNormHook=None,
    EMAHook=dict(momentum=0.002))
auto_scale_lr = dict(base_batch_size=4)
