_base_ = ['./coco_keypoints_800.py']

# Annotated boxes, of people without keypoints as well; the whole image
load, _, flip, crop, _, _, target, pack = _base_.train_pipeline
train_pipeline = [
    load,
    dict(type='RemoveCrowds'),
    flip,
    {
        **crop, 'short_side': (640, 800),
        'long_side': 1333,
        'crop_size': (1333, 1333)
    },
    dict(
        type='FilterAnnotations', by_kpt=False, by_box=True, keep_empty=False),
    target,
    pack,
]
del load, flip, crop, target, pack, _
train_dataloader = dict(
    batch_size=2, num_workers=2, dataset=dict(pipeline=train_pipeline))

# AP of the keypoints and of the boxes
val_evaluator = [
    _base_.val_evaluator,
    dict(type='PersonBoxMetric', ann_file=_base_.val_evaluator.ann_file)
]
test_evaluator = val_evaluator
