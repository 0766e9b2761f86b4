_base_ = ['./directpose_tiny-no-heatmap_1xb4-4e_synthetic-coco-256x320.py']

# Features are sampled from the level of the location, not from one level finer.
model = dict(bbox_head=dict(kpt_predictor=dict(source_levels='same')))
