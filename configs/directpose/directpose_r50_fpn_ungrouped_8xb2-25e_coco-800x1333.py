_base_ = ['./directpose_r50_fpn_8xb2-25e_coco-800x1333.py']

# A group for each keypoint; with its own 64 channels each, the keypoint tower grows to 1088.
keypoint_groups = [(name, ) for group in _base_.keypoint_groups
                   for name in group]
model = dict(bbox_head=dict(kpt_predictor=dict(groups=keypoint_groups)))
