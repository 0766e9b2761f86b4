_base_ = ['./keypoint-rcnn_tiny_1xb4-2e_synthetic-hard-256x320.py']

# The keypoint branch reads P2, whatever the size of the RoI.
model = dict(
    roi_head=dict(keypoint_roi_extractor=dict(featmap_strides=[4])))
