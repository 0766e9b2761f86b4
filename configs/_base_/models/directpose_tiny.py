_base_ = ['./directpose_r50_fpn.py']

# 3 million parameters, for images of about 256 to 448 pixels, trained from scratch
model = dict(
    backbone=dict(
        depth=18,
        stem_channels=16,
        base_channels=32,
        frozen_stages=-1,
        norm_eval=False,
        zero_init_residual=False,
        init_cfg=None),
    neck=dict(in_channels=[32, 64, 128, 256], out_channels=64, num_outs=4),
    bbox_head=dict(
        in_channels=64,
        feat_channels=64,
        stacked_convs=2,
        num_norm_groups=16,
        strides=[8, 16, 32, 64],
        regress_ranges=[(-1, 48), (48, 96), (96, 192), (192, 1e8)],
        kpt_predictor=dict(group_channels=16)),
    heatmap_head=dict(in_channels=64, feat_channels=32, num_norm_groups=8))
