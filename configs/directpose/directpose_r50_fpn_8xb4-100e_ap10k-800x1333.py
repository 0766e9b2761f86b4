_base_ = ['./directpose_r50_fpn_8xb4-100e_coco-800x1333.py']

# Animals of 54 species, each a class; the groups follow from the limbs.
metainfo = dict(from_file='configs/_base_/datasets/ap10k.py')
model = dict(
    metainfo=metainfo,
    bbox_head=dict(num_classes=54, kpt_predictor=dict(groups=None)))

data_root = 'data/ap10k/'
train_dataloader = dict(
    dataset=dict(
        metainfo=metainfo,
        data_root=data_root,
        ann_file='annotations/ap10k-train-split1.json',
        data_prefix=dict(img='data/')))
val_dataloader = dict(
    dataset=dict(
        metainfo=metainfo,
        data_root=data_root,
        ann_file='annotations/ap10k-val-split1.json',
        data_prefix=dict(img='data/')))
test_dataloader = dict(
    dataset=dict(
        metainfo=metainfo,
        data_root=data_root,
        ann_file='annotations/ap10k-test-split1.json',
        data_prefix=dict(img='data/')))
val_evaluator = dict(
    type='ClasswiseCocoMetric',
    ann_file=data_root + 'annotations/ap10k-val-split1.json',
    prefix='ap10k')
test_evaluator = dict(
    type='ClasswiseCocoMetric',
    ann_file=data_root + 'annotations/ap10k-test-split1.json',
    prefix='ap10k')
default_hooks = dict(checkpoint=dict(save_best='ap10k/AP'))
