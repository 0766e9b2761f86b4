_base_ = ['./keypoint-rcnn_r50_fpn_8xb2-3x_coco-800x1333.py']

# To use torchvision's weights, converted by tools/convert.py. Not for training: that would need
# the same pixels in the training pipeline.
aligned = dict(aligned=False, sampling_ratio=2)
model = dict(
    # its published weights go with an epsilon of 0, which torch does not take
    backbone=dict(
        norm_cfg=dict(type='BN', eps=1e-12, requires_grad=False), init_cfg=None),
    rpn_head=dict(
        anchor_generator=dict(type='mmdet.TorchvisionAnchorGenerator')),
    roi_head=dict(
        bbox_roi_extractor=dict(roi_layer=aligned),
        keypoint_roi_extractor=dict(roi_layer=aligned)),
    test_cfg=dict(rpn=dict(min_bbox_size=1e-3)))
del aligned

# Its pixels are areas, but it takes COCO's keypoints as they are.
val_pipeline = __import__('directpose').override_by_type(
    _base_.val_pipeline, ResizeKeepRatio=dict(type='ResizeTorchvision'))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = val_dataloader
