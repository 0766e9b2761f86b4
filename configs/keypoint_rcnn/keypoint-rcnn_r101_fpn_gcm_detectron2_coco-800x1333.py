_base_ = ['./keypoint-rcnn_r50_fpn_gcm_detectron2_coco-800x1333.py']

model = dict(backbone=dict(depth=101))
