_base_ = ['./directpose_r50_fpn_head-from-p3_8xb2-25e_coco-800x1333.py']

# As in the FCOS fork, also with an L1 loss
model = dict(bbox_head=dict(loss_kpt=dict(type='mmdet.L1Loss')))
