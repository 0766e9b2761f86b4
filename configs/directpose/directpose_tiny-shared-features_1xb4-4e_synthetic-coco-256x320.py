_base_ = ['./directpose_tiny-same-level_1xb4-4e_synthetic-coco-256x320.py']

# All groups read the same features.
model = dict(
    bbox_head=dict(
        kpt_predictor=dict(type='mmdet.SharedKPAlign', group_channels=64)))
