_base_ = ['./directposev2_tiny_1xb4-2e_synthetic-256x320.py']

# all parts but the OKS assignment
model = dict(
    bbox_head=dict(assigner=dict(type='mmdet.CenterAssigner')))
