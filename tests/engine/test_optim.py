"""The optimiser of the configs."""

import pytest
import torch
from directpose.engine.optim_constructor import merge_groups
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmpose.registry import MODELS

CONFIGS = [
    'directpose/directpose_r50_fpn_8xb4-100e_coco-800x1333',
    'directpose_v2/directposev2_tiny_1xb4-5e_synthetic-256x320',
    'keypoint_rcnn/keypoint-rcnn_r50_fpn_8xb2-1x_coco-800x1333',
]


@pytest.mark.parametrize('name', CONFIGS)
def test_few_groups_with_the_options_of_many(root, name):
    config = Config.fromfile(root / f'configs/{name}.py')
    config.model.backbone.init_cfg = None
    model = MODELS.build(config.model)
    merged = build_optim_wrapper(model, config.optim_wrapper).optimizer.param_groups
    assert len(merged) <= 3
    del config.optim_wrapper.constructor
    single = build_optim_wrapper(model, config.optim_wrapper).optimizer.param_groups
    options = {
        parameter: (group['lr'], group['weight_decay'])
        for group in single
        for parameter in group['params']
    }
    assert sum(len(group['params']) for group in merged) == len(options) > 50
    for group in merged:
        expected = (group['lr'], group['weight_decay'])
        assert {options[parameter] for parameter in group['params']} == {expected}
    decays = {parameter: decay for parameter, (_, decay) in options.items()}
    if 'bias_decay_mult' in config.optim_wrapper.get('paramwise_cfg', {}):
        biases = [p for name, p in model.named_parameters() if name.endswith('bias')]
        assert {decays[bias] for bias in biases} == {0.0}


def test_the_order_of_the_groups_stays():
    a, b, c = (torch.nn.Parameter(torch.zeros(1)) for _ in range(3))
    groups = [dict(params=[a], lr=1), dict(params=[b]), dict(params=[c], lr=1)]
    merge_groups(groups)
    assert [len(group['params']) for group in groups] == [2, 1] and groups[0]['lr'] == 1
