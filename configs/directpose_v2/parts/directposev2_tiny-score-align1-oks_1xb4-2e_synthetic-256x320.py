_base_ = ['./directposev2_tiny-score-align1_1xb4-2e_synthetic-256x320.py']

# and the OKS loss
model = dict(
    bbox_head=dict(loss_oks=dict(type='mmdet.OKSLoss', loss_weight=2.0)))
