_base_ = ['./keypoint-rcnn_tiny_1xb4-5e_synthetic-256x320.py']

data_root = 'data/synthetic_hard/'
train_dataloader = dict(dataset=dict(data_root=data_root))
val_dataloader = dict(dataset=dict(data_root=data_root))
test_dataloader = val_dataloader
val_evaluator = [{
    **metric, 'ann_file': data_root + 'annotations/val.json'
} for metric in _base_.val_evaluator]
test_evaluator = val_evaluator

max_epochs = 2
train_cfg = dict(max_epochs=max_epochs, val_interval=max_epochs)
param_scheduler = __import__('directpose').override_by_type(
    _base_.param_scheduler, CosineAnnealingLR=dict(T_max=max_epochs))

# People are smaller than on COCO at 800 pixels, and RoIs of P2 would be most of them. With finer
# levels 33 % are on P3 and 67 % on P4 (COCO: 17, 34, 31 and 18 % on P2 to P5), not 84 % on P2.
roi_extractor = dict(finest_scale=20)
model = dict(
    roi_head=dict(
        bbox_roi_extractor=roi_extractor,
        keypoint_roi_extractor=roi_extractor))
