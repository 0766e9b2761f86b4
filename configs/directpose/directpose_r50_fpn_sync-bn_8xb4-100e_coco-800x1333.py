_base_ = ['./directpose_r50_fpn_8xb4-100e_coco-800x1333.py']

# GluonCV's policy: all of the backbone is trained, with statistics of all GPUs.
model = dict(backbone=dict(frozen_stages=-1, norm_eval=False))
sync_bn = 'torch'
