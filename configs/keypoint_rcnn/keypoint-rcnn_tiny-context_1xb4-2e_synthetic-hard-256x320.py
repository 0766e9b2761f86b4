_base_ = ['./keypoint-rcnn_tiny_1xb4-2e_synthetic-hard-256x320.py']

# Every cell of a RoI sees all others.
model = dict(
    roi_head=dict(keypoint_head=dict(type='mmdet.ContextKeypointHead')))
