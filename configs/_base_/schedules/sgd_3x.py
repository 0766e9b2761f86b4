_base_ = ['./sgd_1x.py']

max_iters = 270000
train_cfg = dict(max_iters=max_iters)
param_scheduler = __import__('directpose').override_by_type(
    _base_.param_scheduler,
    MultiStepLR=dict(milestones=[210000, 250000], end=max_iters))
