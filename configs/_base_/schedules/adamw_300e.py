_base_ = ['../default_runtime.py']

# 256 images a step, as mmpose trains YOLOX-Pose
max_epochs = 300
last_epochs = 20
train_cfg = dict(
    max_epochs=max_epochs,
    val_interval=10,
    dynamic_intervals=[(max_epochs - last_epochs, 1)])
optim_wrapper = dict(
    constructor='MergedOptimWrapperConstructor',
    optimizer=dict(type='AdamW', lr=0.004, weight_decay=0.05),
    paramwise_cfg=dict(norm_decay_mult=0., bias_decay_mult=0.),
    clip_grad=dict(max_norm=10.))
param_scheduler = [
    dict(
        type='QuadraticWarmupLR',
        by_epoch=True,
        begin=0,
        end=5,
        convert_to_iter_based=True),
    dict(
        type='CosineAnnealingLR',
        eta_min=0.0002,
        begin=5,
        T_max=max_epochs - last_epochs - 5,
        end=max_epochs - last_epochs,
        by_epoch=True,
        convert_to_iter_based=True),
    dict(
        type='ConstantLR',
        by_epoch=True,
        factor=1,
        begin=max_epochs - last_epochs,
        end=max_epochs),
]
auto_scale_lr = dict(base_batch_size=256)
