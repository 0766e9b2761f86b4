_base_ = ['./keypoint-rcnn_r50_fpn_8xb2-3x_coco-800x1333.py']

# Every cell of a RoI sees all others.
model = dict(
    roi_head=dict(keypoint_head=dict(type='mmdet.ContextKeypointHead')))
