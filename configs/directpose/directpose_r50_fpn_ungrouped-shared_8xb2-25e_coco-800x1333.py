_base_ = ['./directpose_r50_fpn_8xb2-25e_coco-800x1333.py']

# The plainest alignment: a place for each keypoint, all read from the same features.
keypoint_groups = [(name, ) for group in _base_.keypoint_groups
                   for name in group]
model = dict(
    bbox_head=dict(
        kpt_predictor=dict(type='mmdet.SharedKPAlign', groups=keypoint_groups)))
