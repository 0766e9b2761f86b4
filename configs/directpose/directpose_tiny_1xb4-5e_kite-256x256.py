_base_ = ['./directpose_tiny_1xb4-5e_synthetic-256x320.py']

metainfo = dict(from_file='{{ fileDirname }}/../_base_/datasets/kite.py')
model = dict(
    metainfo=metainfo,
    # left out, the groups follow from the limbs
    bbox_head=dict(kpt_predictor=dict(groups=None)))

data_root = 'data/kites/'
train_dataloader = dict(
    dataset=dict(
        metainfo=metainfo,
        data_root=data_root,
        ann_file='train.json',
        data_prefix=dict(img='images/')))
val_dataloader = dict(
    dataset=dict(
        metainfo=metainfo,
        data_root=data_root,
        ann_file='val.json',
        data_prefix=dict(img='images/')))
test_dataloader = val_dataloader
val_evaluator = dict(ann_file=data_root + 'val.json')
test_evaluator = val_evaluator
