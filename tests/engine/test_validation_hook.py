"""The hook that checks runs not started by our tools."""

from types import SimpleNamespace

import pytest
import torch
from directpose.engine import CheckDataHook, validation_hook
from directpose.utils.errors import InputError
from directpose.weights.checkpoint import check_shapes
from torch import nn


def test_weights_of_a_parallel_training(tmp_path):
    """mmengine takes their prefix off."""
    model, path = nn.Linear(3, 2), str(tmp_path / 'start.pth')
    torch.save({f'module.{name}': w for name, w in model.state_dict().items()}, path)
    check_shapes(path, model)
    with pytest.raises(InputError, match='weights have another shape'):
        check_shapes(path, nn.Linear(4, 2))


@pytest.mark.parametrize(
    ('model', 'resume', 'message'),
    [
        (nn.Linear(3, 2), False, None),
        (nn.Linear(4, 2), False, r'1 weights have another shape \(weight is \(2, 3\)'),
        (nn.Sequential(nn.Linear(3, 2)), False, 'has no weight of this model'),
        (nn.Linear(3, 2), True, None),
        (nn.Linear(3, 2, bias=False), True, 'bias is not in the model'),
    ],
    ids=['fits', 'other-shape', 'other-names', 'resumed', 'resumed-other'],
)
def test_the_weights_that_a_training_starts_with(model, resume, message, tmp_path, monkeypatch):
    monkeypatch.setattr(validation_hook, 'check_config', lambda *_: None)
    path = str(tmp_path / 'start.pth')
    torch.save(dict(state_dict=nn.Linear(3, 2).state_dict()), path)
    runner = SimpleNamespace(cfg=None, _resume=resume, _load_from=path, model=model)
    if message is None:
        CheckDataHook().before_train(runner)
        return
    with pytest.raises(InputError, match=message):
        CheckDataHook().before_train(runner)
