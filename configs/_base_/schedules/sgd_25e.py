_base_ = ['./sgd_100e.py']

# the ablation schedule: 16 images a step
max_epochs = 25
train_cfg = dict(max_epochs=max_epochs)
optim_wrapper = dict(optimizer=dict(lr=0.005))
param_scheduler = __import__('directpose').override_by_type(
    _base_.param_scheduler, PolyLR=dict(end=max_epochs))
auto_scale_lr = dict(base_batch_size=16)
