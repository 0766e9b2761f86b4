_base_ = ['./directpose_r50_fpn_8xb2-25e_coco-800x1333.py']

# GluonCV's head: centerness from the keypoint tower, and a visibility branch
model = dict(
    bbox_head=dict(
        centerness_on_kpt=True,
        loss_vis=dict(type='mmdet.CrossEntropyLoss', use_sigmoid=True)))

# The score of a keypoint is the probability that it is visible.
default_hooks = dict(
    visualization=dict(kpt_thr=0.3), badcase=dict(kpt_thr=0.3))
