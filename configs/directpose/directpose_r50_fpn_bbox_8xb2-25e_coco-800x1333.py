_base_ = ['./directpose_r50_fpn_8xb2-25e_coco-800x1333.py']

# The box branch learns annotated boxes, so they also decide which locations are positive.
train_pipeline = __import__('directpose').override_by_type(
    _base_.train_pipeline, PseudoBoxes=None)
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
model = dict(bbox_head=dict(loss_bbox=dict(type='mmdet.GIoULoss')))

# AP of the keypoints and of the boxes
val_evaluator = [
    _base_.val_evaluator,
    dict(type='PersonBoxMetric', ann_file=_base_.val_evaluator.ann_file)
]
test_evaluator = val_evaluator
