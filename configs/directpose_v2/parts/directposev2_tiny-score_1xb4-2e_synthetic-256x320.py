_base_ = ['./directpose_tiny_1xb4-2e_synthetic-256x320.py']

# only the quality score
model = dict(
    bbox_head=dict(
        type='mmdet.DirectPoseV2Head',
        assigner=dict(type='mmdet.CenterAssigner')))
