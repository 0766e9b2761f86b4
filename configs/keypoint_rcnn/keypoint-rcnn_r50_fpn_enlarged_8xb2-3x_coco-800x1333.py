_base_ = ['./keypoint-rcnn_r50_fpn_8xb2-3x_coco-800x1333.py']

# The RoIs of the keypoint branch are 1.3 times larger, with zeros outside of the image.
model = dict(
    roi_head=dict(
        roi_scale=1.3,
        keypoint_roi_extractor=dict(type='mmdet.ZeroPaddedRoIExtractor')))
