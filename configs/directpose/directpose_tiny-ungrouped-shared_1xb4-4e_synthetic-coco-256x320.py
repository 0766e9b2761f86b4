_base_ = ['./directpose_tiny-shared-features_1xb4-4e_synthetic-coco-256x320.py']

# The plainest alignment: a place for each keypoint
keypoint_groups = [(name, ) for group in _base_.keypoint_groups
                   for name in group]
model = dict(bbox_head=dict(kpt_predictor=dict(groups=keypoint_groups)))
