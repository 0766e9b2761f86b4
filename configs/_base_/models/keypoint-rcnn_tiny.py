_base_ = ['./keypoint-rcnn_r50_fpn.py']

# 4 million parameters, for images of about 256 to 448 pixels, trained from scratch
model = dict(
    backbone=dict(
        depth=18,
        stem_channels=16,
        base_channels=32,
        frozen_stages=-1,
        norm_eval=False,
        zero_init_residual=False,
        init_cfg=None),
    neck=dict(in_channels=[32, 64, 128, 256], out_channels=64),
    rpn_head=dict(in_channels=64, feat_channels=64),
    roi_head=dict(
        bbox_roi_extractor=dict(
            out_channels=64, roi_layer=dict(sampling_ratio=2)),
        bbox_head=dict(in_channels=64, fc_out_channels=256),
        keypoint_roi_extractor=dict(
            out_channels=64, roi_layer=dict(sampling_ratio=2)),
        keypoint_head=dict(in_channels=64, conv_channels=64, num_convs=4)),
    train_cfg=dict(
        rpn_proposal=dict(nms_pre=300, max_per_img=150),
        rcnn=dict(sampler=dict(num=32, pos_fraction=0.5))),
    test_cfg=dict(
        rpn=dict(nms_pre=500, max_per_img=200), rcnn=dict(max_per_img=30)))
