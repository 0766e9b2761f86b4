_base_ = ['./directposev2_tiny_1xb4-2e_synthetic-256x320.py']

# all parts but iterated alignment
model = dict(
    bbox_head=dict(kpt_predictor=dict(iterations=0)))
