_base_ = ['../default_runtime.py']

# 16 images a step, as in detectron2
max_iters = 90000
train_cfg = dict(
    _delete_=True,  # by_epoch of the base
    type='ResumableIterTrainLoop',
    max_iters=max_iters,
    val_interval=10000)
optim_wrapper = dict(
    constructor='MergedOptimWrapperConstructor',
    optimizer=dict(type='SGD', lr=0.02, momentum=0.9, weight_decay=1e-4),
    paramwise_cfg=dict(norm_decay_mult=0.))
param_scheduler = [
    dict(
        type='LinearLR', start_factor=0.001, by_epoch=False, begin=0,
        end=1000),
    dict(
        type='MultiStepLR',
        by_epoch=False,
        milestones=[60000, 80000],
        begin=0,
        end=max_iters),
]
auto_scale_lr = dict(base_batch_size=16)
log_processor = dict(by_epoch=False)
default_hooks = dict(checkpoint=dict(interval=10000, by_epoch=False))
