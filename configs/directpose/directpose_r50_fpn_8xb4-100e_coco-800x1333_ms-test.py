_base_ = ['./directpose_r50_fpn_8xb4-100e_coco-800x1333.py']

# Every image at all scales, as it is and mirrored
short_sides = (800, 1000, 1200)
load, resize, pack = _base_.val_pipeline
flips = [dict(type='RandomFlip', prob=prob) for prob in (0., 1.)]
resizes = [{
    **resize, 'short_side': side,
    'long_side': side * 5 // 3
} for side in short_sides]
pack = {
    **pack, 'meta_keys': (*pack['meta_keys'], 'flip', 'flip_indices')
}
tta_pipeline = [
    load,
    dict(type='TestTimeAug', transforms=[flips, resizes, [pack]])
]
del load, resize, pack, flips, resizes
test_dataloader = dict(dataset=dict(pipeline=tta_pipeline))

tta_model = dict(type='mmdet.PoseTTAModel', iou_thr=0.6, max_per_img=100)
custom_hooks = [
    *_base_.custom_hooks,
    dict(type='PrepareTTAHook', tta_cfg=tta_model)
]
