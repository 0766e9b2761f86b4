_base_ = ['./directpose_r50_fpn_8xb2-25e_coco-800x1333.py']

# Features are sampled from the level of the location, not from one level finer.
model = dict(bbox_head=dict(kpt_predictor=dict(source_levels='same')))
