_base_ = ['./directposev2_tiny-align2_1xb4-5e_synthetic-256x320.py']

# two more alignments, and all parts but the OKS loss
model = dict(
    bbox_head=dict(loss_oks=None))
