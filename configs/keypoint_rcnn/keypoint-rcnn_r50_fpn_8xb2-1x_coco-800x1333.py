_base_ = [
    '../_base_/models/keypoint-rcnn_r50_fpn.py',
    '../_base_/datasets/coco_keypoints_boxes_800.py',
    '../_base_/schedules/sgd_1x.py'
]

train_dataloader = dict(sampler=dict(type='InfiniteSampler'))
