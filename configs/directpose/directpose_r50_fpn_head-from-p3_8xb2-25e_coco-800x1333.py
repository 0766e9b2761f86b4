_base_ = ['./directpose_r50_fpn_8xb2-25e_coco-800x1333.py']

# Nose, eyes and ears are sampled from P3 at every level.
model = dict(
    bbox_head=dict(
        kpt_predictor=dict(source_levels=['finest'] + ['finer'] * 8)))
