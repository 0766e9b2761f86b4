_base_ = ['./directpose_r50_fpn_8xb2-25e_coco-800x1333.py']

# Features are always sampled from P3.
model = dict(bbox_head=dict(kpt_predictor=dict(source_levels='finest')))
