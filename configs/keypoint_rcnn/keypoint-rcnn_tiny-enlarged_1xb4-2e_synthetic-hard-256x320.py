_base_ = ['./keypoint-rcnn_tiny_1xb4-2e_synthetic-hard-256x320.py']

# The RoIs of the keypoint branch are 1.3 times larger, with zeros outside of the image.
model = dict(
    roi_head=dict(
        roi_scale=1.3,
        keypoint_roi_extractor=dict(type='mmdet.ZeroPaddedRoIExtractor')))
