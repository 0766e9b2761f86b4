_base_ = ['../../directpose/directpose_tiny_1xb4-4e_synthetic-coco-256x320.py']

# only the quality score
model = dict(
    bbox_head=dict(
        type='mmdet.DirectPoseV2Head',
        assigner=dict(type='mmdet.CenterAssigner')))
