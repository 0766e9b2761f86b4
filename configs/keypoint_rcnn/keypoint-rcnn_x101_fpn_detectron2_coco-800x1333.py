_base_ = ['./keypoint-rcnn_r50_fpn_detectron2_coco-800x1333.py']

# Unlike detectron2's ResNets, it was trained with scaled pixels, and its stride is in the 3x3
# convolutions.
model = dict(
    data_preprocessor=dict(std=[57.375, 57.12, 58.395]),
    backbone=dict(
        type='mmdet.ResNeXt',
        depth=101,
        groups=32,
        base_width=8,
        style='pytorch'))
