_base_ = [
    '../_base_/models/directpose_r50_fpn.py',
    '../_base_/datasets/coco_keypoints_800.py',
    '../_base_/schedules/sgd_25e.py'
]

train_dataloader = dict(batch_size=2, num_workers=2)
