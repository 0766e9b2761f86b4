_base_ = ['./directpose_r50_fpn_8xb4-100e_coco-800x1333.py']

# Only to test a model trained on COCO: OCHuman has the same keypoints and no training split.
data_root = 'data/ochuman/'
ann_file = 'annotations/ochuman_coco_format_test_range_0.00_1.00.json'
val_dataloader = dict(
    dataset=dict(
        metainfo=dict(from_file='configs/_base_/datasets/ochuman.py'),
        data_root=data_root,
        ann_file=ann_file,
        data_prefix=dict(img='images/')))
test_dataloader = val_dataloader
val_evaluator = dict(ann_file=data_root + ann_file)
test_evaluator = val_evaluator
