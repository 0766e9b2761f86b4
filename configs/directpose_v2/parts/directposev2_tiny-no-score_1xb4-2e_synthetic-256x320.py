_base_ = ['./directposev2_tiny_1xb4-2e_synthetic-256x320.py']

# all parts but the quality score: positives are learnt as 1
model = dict(
    bbox_head=dict(quality_power=0.0))
