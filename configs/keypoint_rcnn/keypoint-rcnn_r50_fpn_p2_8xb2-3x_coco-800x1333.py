_base_ = ['./keypoint-rcnn_r50_fpn_8xb2-3x_coco-800x1333.py']

# The keypoint branch reads P2, whatever the size of the RoI.
model = dict(
    roi_head=dict(keypoint_roi_extractor=dict(featmap_strides=[4])))
