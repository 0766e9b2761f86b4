_base_ = ['./directpose_r50_fpn_8xb4-100e_coco-800x1333.py']

metainfo = dict(from_file='configs/_base_/datasets/crowdpose.py')
head = ('top_head', 'neck')
keypoint_groups = [head, *_base_.keypoint_groups[1:]]
del head
model = dict(
    metainfo=metainfo,
    bbox_head=dict(kpt_predictor=dict(groups=keypoint_groups)))

data_root = 'data/crowdpose/'
train_dataloader = dict(
    dataset=dict(
        metainfo=metainfo,
        data_root=data_root,
        ann_file='annotations/mmpose_crowdpose_trainval.json',
        data_prefix=dict(img='images/')))
val_dataloader = dict(
    dataset=dict(
        metainfo=metainfo,
        data_root=data_root,
        ann_file='annotations/mmpose_crowdpose_test.json',
        data_prefix=dict(img='images/')))
test_dataloader = val_dataloader

# no areas in its annotations; AP over three levels of crowding
val_evaluator = dict(
    ann_file=data_root + 'annotations/mmpose_crowdpose_test.json',
    iou_type='keypoints_crowd',
    use_area=False,
    prefix='crowdpose')
test_evaluator = val_evaluator
default_hooks = dict(checkpoint=dict(save_best='crowdpose/AP'))
