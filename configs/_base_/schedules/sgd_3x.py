_base_ = ['./sgd_1x.py']

max_iters = 270000
train_cfg = dict(max_iters=max_iters)
warmup, steps = _base_.param_scheduler
param_scheduler = [
    warmup, {
        **steps, 'milestones': [210000, 250000],
        'end': max_iters
    }
]
del warmup, steps
