_base_ = ['./directpose_r50_fpn_8xb4-100e_coco-800x1333.py']

metainfo = dict(from_file='configs/_base_/datasets/posetrack18.py')
head = ('nose', 'head_bottom', 'head_top', 'left_ear', 'right_ear')
keypoint_groups = [head, *_base_.keypoint_groups[1:]]
del head
model = dict(
    metainfo=metainfo,
    bbox_head=dict(kpt_predictor=dict(groups=keypoint_groups)))

data_root = 'data/posetrack18/'
train_dataloader = dict(
    dataset=dict(
        metainfo=metainfo,
        data_root=data_root,
        ann_file='annotations/posetrack18_train.json',
        data_prefix=dict(img='')))
val_dataloader = dict(
    dataset=dict(
        metainfo=metainfo,
        data_root=data_root,
        ann_file='annotations/posetrack18_val.json',
        data_prefix=dict(img='')))
test_dataloader = val_dataloader

# COCO's AP of single images, without areas; PoseTrack's own number needs mmpose's
# PoseTrack18Metric and the package poseval. The set's ignored regions, in which nobody is
# annotated, are taken for background in training and in this AP, which is therefore too low.
val_evaluator = dict(
    ann_file=data_root + 'annotations/posetrack18_val.json',
    use_area=False,
    prefix='posetrack18')
test_evaluator = val_evaluator
default_hooks = dict(checkpoint=dict(save_best='posetrack18/AP'))
