_base_ = ['./directpose_tiny_1xb4-5e_synthetic-256x320.py']

data_root = 'data/synthetic_coco/'
train_dataloader = dict(dataset=dict(data_root=data_root))
val_dataloader = dict(dataset=dict(data_root=data_root))
test_dataloader = val_dataloader
val_evaluator = dict(ann_file=data_root + 'annotations/val.json')
test_evaluator = val_evaluator

max_epochs = 4
train_cfg = dict(max_epochs=max_epochs, val_interval=max_epochs)
param_scheduler = __import__('directpose').override_by_type(
    _base_.param_scheduler, CosineAnnealingLR=dict(T_max=max_epochs))

# People are as tall as on COCO at 320 pixels: with the usual ranges, 68 % of them are predicted
# at the finest level and 32 % at those that have a finer one.
model = dict(
    bbox_head=dict(regress_ranges=[(-1, 64), (64, 128), (128, 1e8)]))
