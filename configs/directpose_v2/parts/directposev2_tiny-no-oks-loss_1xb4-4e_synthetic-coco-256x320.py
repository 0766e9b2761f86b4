_base_ = ['../directposev2_tiny_1xb4-4e_synthetic-coco-256x320.py']

# all parts but the OKS loss
model = dict(
    bbox_head=dict(loss_oks=None))
