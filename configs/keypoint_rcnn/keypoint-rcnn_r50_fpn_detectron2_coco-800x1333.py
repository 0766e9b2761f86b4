_base_ = ['./keypoint-rcnn_r50_fpn_8xb2-3x_coco-800x1333.py']

# To use weights of detectron2's zoo, converted by tools/convert.py. Not for training: that would
# need the same pixels in the training pipeline.
model = dict(
    data_preprocessor=dict(
        mean=[103.53, 116.28, 123.675],
        std=[1.0, 1.0, 1.0],
        bgr_to_rgb=False),
    backbone=dict(
        norm_cfg=dict(type='BN', requires_grad=False),
        style='caffe',
        init_cfg=None))

# Its pixels are areas: 0.5 pixels from COCO's keypoints
val_pipeline = __import__('directpose').override_by_type(
    _base_.val_pipeline, ResizeKeepRatio=dict(type='ResizePixelAreas'))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = val_dataloader
