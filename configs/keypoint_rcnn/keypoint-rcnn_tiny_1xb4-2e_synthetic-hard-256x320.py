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
warmup, decay = _base_.param_scheduler
param_scheduler = [warmup, {**decay, 'T_max': max_epochs}]
del warmup, decay

# The median person is 97 pixels here and 217 in COCO's training images: with levels that are
# finer in that proportion, RoIs are spread over them as there.
roi_extractor = dict(finest_scale=25)
model = dict(
    roi_head=dict(
        bbox_roi_extractor=roi_extractor,
        keypoint_roi_extractor=roi_extractor))
