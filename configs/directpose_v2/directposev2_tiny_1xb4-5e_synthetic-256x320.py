_base_ = ['../directpose/directpose_tiny_1xb4-5e_synthetic-256x320.py']

# docs/directpose_v2.md: align again at each keypoint, the quality of the pose as its score, and
# poses that decide who learns
model = dict(
    bbox_head=dict(
        type='mmdet.DirectPoseV2Head',
        kpt_predictor=dict(type='mmdet.IteratedKPAlign'),
        loss_oks=dict(type='mmdet.OKSLoss', loss_weight=2.0)))
