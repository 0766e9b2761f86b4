_base_ = ['../../directpose/directpose_tiny_1xb4-5e_synthetic-256x320.py']

# a short schedule, to compare many variants
max_epochs = 2
train_cfg = dict(max_epochs=max_epochs, val_interval=max_epochs)
param_scheduler = __import__('directpose').override_by_type(
    _base_.param_scheduler, CosineAnnealingLR=dict(T_max=max_epochs))
