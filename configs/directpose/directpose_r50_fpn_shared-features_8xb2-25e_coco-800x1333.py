_base_ = ['./directpose_r50_fpn_8xb2-25e_coco-800x1333.py']

# All groups read the same 256 features, from a keypoint tower like the cls tower.
model = dict(
    bbox_head=dict(kpt_predictor=dict(type='mmdet.SharedKPAlign')))
