_base_ = ['./coco_keypoints_800.py']

# Annotated boxes, of people without keypoints as well; the whole image
train_pipeline = __import__('directpose').override_by_type(
    _base_.train_pipeline,
    IgnoreCrowds=dict(type='RemoveCrowds'),
    PseudoBoxes=None,
    RandomScaleCrop=dict(
        short_side=(640, 800), long_side=1333, crop_size=(1333, 1333)),
    FilterAnnotations=dict(by_kpt=False))
# Images of a batch are all upright or all not, which saves padding.
train_dataloader = dict(
    batch_size=2,
    num_workers=2,
    batch_sampler=dict(type='mmdet.AspectRatioBatchSampler'),
    dataset=dict(pipeline=train_pipeline))

# AP of the keypoints and of the boxes
val_evaluator = [
    _base_.val_evaluator,
    dict(type='PersonBoxMetric', ann_file=_base_.val_evaluator.ann_file)
]
test_evaluator = val_evaluator
