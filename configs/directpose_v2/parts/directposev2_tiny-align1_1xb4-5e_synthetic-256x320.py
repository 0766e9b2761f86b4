_base_ = ['../directposev2_tiny_1xb4-5e_synthetic-256x320.py']

# all parts, one more alignment
model = dict(
    bbox_head=dict(kpt_predictor=dict(iterations=1)))
