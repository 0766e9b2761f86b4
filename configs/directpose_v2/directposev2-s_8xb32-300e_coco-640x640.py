_base_ = [
    '../_base_/models/directposev2_s.py',
    '../_base_/datasets/coco_keypoints_640_mosaic.py',
    '../_base_/schedules/adamw_300e.py'
]

custom_hooks = [
    *_base_.custom_hooks,
    # whole images in the end, as people will look when the model is used
    dict(
        type='mmdet.PipelineSwitchHook',
        switch_epoch=_base_.max_epochs - _base_.last_epochs,
        switch_pipeline=_base_.last_epochs_pipeline),
    dict(
        type='EMAHook',
        ema_type='ExpMomentumEMA',
        momentum=0.0002,
        update_buffers=True,
        priority=49),
]
