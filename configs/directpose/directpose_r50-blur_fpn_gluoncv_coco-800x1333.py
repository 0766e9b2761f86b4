_base_ = ['./directpose_r50_fpn_8xb4-100e_coco-800x1333.py']

# To use weights of GluonCV's directpose_resnet50_lpf_fpn_coco, converted by tools/convert.py. Not
# for training: that would need the same pixels in the training pipeline, and the heatmap branch,
# which the published weights lack.
model = dict(
    backbone=dict(type='mmdet.BlurResNet', init_cfg=None),
    bbox_head=dict(
        centerness_on_kpt=True,
        loss_vis=dict(type='mmdet.CrossEntropyLoss', use_sigmoid=True)),
    heatmap_head=None)

# Its pixels are areas, as in detectron2: 0.5 pixels from COCO's keypoints
val_pipeline = __import__('directpose').override_by_type(
    _base_.val_pipeline, ResizeKeepRatio=dict(type='ResizePixelAreas'))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = val_dataloader
