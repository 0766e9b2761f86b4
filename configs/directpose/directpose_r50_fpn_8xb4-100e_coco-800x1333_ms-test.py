_base_ = ['./directpose_r50_fpn_8xb4-100e_coco-800x1333.py']

# Every image at all scales, as it is and mirrored. Other scales:
# --cfg-options tta_pipeline.1.short_sides=[640,800]
steps = {step['type']: step for step in _base_.val_pipeline}
tta_pipeline = [
    steps['LoadImageFile'],
    dict(
        type='MultiScaleFlip',
        short_sides=[800, 1000, 1200],
        flip=True,
        resize=dict(type='ResizeKeepRatio'),
        pack=steps['PackPoseInputs']),
]
del steps
tta_model = dict(type='mmdet.PoseTTAModel', iou_thr=0.6, max_per_img=100)
custom_hooks = [*_base_.custom_hooks, dict(type='PoseTTAHook')]
