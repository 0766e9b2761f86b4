_base_ = ['./directpose_tiny-no-heatmap_1xb4-4e_synthetic-coco-256x320.py']

# The paper's baseline: no keypoint alignment
model = dict(
    bbox_head=dict(
        kpt_predictor=dict(
            _delete_=True, type='mmdet.KeypointConv', in_channels=64)))
