"""bfloat16."""

import json
import math

import pytest
import torch
from directpose.engine.optim_wrapper import BFloat16OptimWrapper
from helpers.builders import people, sample_of
from helpers.commands import CONFIG, ROOT, call, data_options, python
from mmengine.config import Config
from mmengine.optim import OptimWrapper
from mmpose.registry import MODELS


def losses_of_a_training(wrapper, steps=12):
    """Losses of some steps of the small detector on the same two images."""
    torch.manual_seed(0)
    model = MODELS.build(Config.fromfile(ROOT / CONFIG).model).train()
    optimizer = torch.optim.SGD(model.parameters(), 0.002, momentum=0.9)
    optim_wrapper = wrapper(optimizer)
    images = torch.randn(2, 3, 128, 128)
    samples = [sample_of(people((10, 10, 90, 120), (60, 20, 127, 90)), (128, 128)) for _ in 'ab']
    found = []
    for _ in range(steps):
        with optim_wrapper.optim_context(model):
            loss, _ = model.parse_losses(model.loss(images, samples))
        optim_wrapper.update_params(loss)
        found.append(loss.item())
    return found, model


def test_bfloat16_trains_like_float32():
    single, _ = losses_of_a_training(OptimWrapper)
    half, model = losses_of_a_training(BFloat16OptimWrapper)
    assert half[0] != single[0]  # it is another precision
    assert half[0] == pytest.approx(single[0], rel=0.01)
    assert half[-1] == pytest.approx(single[-1], rel=0.02)
    assert single[-1] < 0.9 * single[0] and all(map(math.isfinite, half))
    assert all(p.dtype == torch.float32 for p in model.parameters())


def test_amp_on_a_cpu_that_would_be_slower(monkeypatch, tmp_path):
    """By several times: PyTorch computes in bfloat16 without instructions for it too."""
    monkeypatch.setattr('torch.cpu.get_capabilities', lambda: dict(avx2=True))
    monkeypatch.setattr('torch.cuda.is_available', lambda: False)
    done = call('train', CONFIG, '--amp', '--work-dir', tmp_path)
    assert done.returncode == 1 and 'would be slower on this one; leave --amp out' in done.stderr


def test_amp_on_a_cpu_is_bfloat16(synthetic_set, tmp_path):
    if torch.cuda.is_available():
        pytest.skip('there is a GPU: --amp is float16')
    if not any('bf16' in name for name, there in torch.cpu.get_capabilities().items() if there):
        pytest.skip('the processor has no instructions for bfloat16')
    options = ['--amp', '--work-dir', tmp_path, '--cfg-options', *data_options(synthetic_set)]
    # in a process of its own: mmengine writes what one process logs to the folder of its first run
    done = python('tools/train.py', CONFIG, *options)
    assert done.returncode == 0, done.stderr
    config = next(tmp_path.glob('*.py')).read_text()
    assert "type='BFloat16OptimWrapper'" in config and 'loss_scale' not in config
    lines = next(tmp_path.glob('*/vis_data/scalars.json')).read_text().splitlines()
    losses = [json.loads(line)['loss'] for line in lines if 'loss' in line]
    assert losses and all(map(math.isfinite, losses))
