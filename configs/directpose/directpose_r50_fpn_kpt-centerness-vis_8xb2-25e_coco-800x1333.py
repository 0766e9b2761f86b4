_base_ = ['./directpose_r50_fpn_8xb2-25e_coco-800x1333.py']

# GluonCV's head: centerness from the keypoint tower, and a visibility branch
model = dict(
    bbox_head=dict(
        centerness_on_kpt=True,
        loss_vis=dict(type='mmdet.CrossEntropyLoss', use_sigmoid=True)))
