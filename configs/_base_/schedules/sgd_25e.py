_base_ = ['./sgd_100e.py']

# the ablation schedule: 16 images a step
max_epochs = 25
train_cfg = dict(max_epochs=max_epochs)
optim_wrapper = dict(optimizer=dict(lr=0.005))
warmup, decay = _base_.param_scheduler
param_scheduler = [warmup, {**decay, 'end': max_epochs}]
del warmup, decay
auto_scale_lr = dict(base_batch_size=16)
