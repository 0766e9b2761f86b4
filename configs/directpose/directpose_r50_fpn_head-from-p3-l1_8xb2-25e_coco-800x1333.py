_base_ = ['./directpose_r50_fpn_8xb2-25e_coco-800x1333.py']

# As in the FCOS fork: nose, eyes and ears sampled from P3 at every level, and an L1 loss
model = dict(
    bbox_head=dict(
        kpt_predictor=dict(source_levels=['finest'] + ['finer'] * 8),
        loss_kpt=dict(type='mmdet.L1Loss')))
