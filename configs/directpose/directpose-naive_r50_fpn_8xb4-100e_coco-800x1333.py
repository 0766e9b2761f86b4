_base_ = ['./directpose_r50_fpn_8xb4-100e_coco-800x1333.py']

# The paper's baseline: no keypoint alignment, and the keypoint tower is like the cls tower.
model = dict(
    bbox_head=dict(
        kpt_predictor=dict(
            _delete_=True, type='mmdet.KeypointConv', in_channels=256)))
