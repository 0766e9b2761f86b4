_base_ = ['./directposev2_tiny-score_1xb4-4e_synthetic-coco-256x320.py']

# and one more alignment
model = dict(
    bbox_head=dict(kpt_predictor=dict(type='mmdet.IteratedKPAlign')))
