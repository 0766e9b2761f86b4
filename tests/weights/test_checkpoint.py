"""Checkpoints are read without running their code."""

import pickle

import numpy as np
import pytest
import torch
from directpose.weights.checkpoint import _history_getattr
from mmengine.logging import HistoryBuffer, MessageHub


def test_what_the_runner_saves_is_read_without_executing_code(tmp_path):
    hub = MessageHub('test_checkpoint')
    hub.update_scalar('train/loss', np.float32(0.5))
    hub.update_scalar('val/AP', np.float64(0.25))
    hub.update_info('array', np.arange(3))
    content = dict(message_hub=hub.state_dict(), state_dict=dict(w=torch.ones(2)))
    torch.save(content, tmp_path / 'checkpoint.pth')
    loaded = torch.load(tmp_path / 'checkpoint.pth', weights_only=True)
    history = loaded['message_hub']['log_scalars']['train/loss']
    assert isinstance(history, HistoryBuffer) and history.current() == 0.5
    assert loaded['message_hub']['runtime_info']['array'].tolist() == [0, 1, 2]


def test_a_skeleton_without_limbs_is_read(tmp_path):
    """mmengine saves what it parsed of a metainfo, with an empty array for no limbs."""
    limbs = np.zeros((0, 2))
    torch.save(dict(meta=dict(dataset_meta=dict(skeleton_links=limbs))), tmp_path / 'c.pth')
    loaded = torch.load(tmp_path / 'c.pth', weights_only=True)
    assert loaded['meta']['dataset_meta']['skeleton_links'].shape == (0, 2)


class Malicious:
    """A pickle that calls a function when it is read."""

    def __init__(self, function, *args):
        self.call = function, args

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize(
    'payload',
    [
        Malicious(eval, '1 + 1'),
        Malicious(getattr, np.ndarray, 'tofile'),
        Malicious(getattr, HistoryBuffer, '__init__'),
        np.array([Malicious(eval, '1 + 1')], dtype=object),
    ],
    ids=['eval', 'getattr-of-an-array', 'getattr-of-the-buffer', 'object-array'],
)
def test_code_in_a_checkpoint_is_refused(tmp_path, payload):
    torch.save(dict(state_dict={}, payload=payload), tmp_path / 'bad.pth')
    with pytest.raises((pickle.UnpicklingError, AttributeError)):
        torch.load(tmp_path / 'bad.pth', weights_only=True)


def test_only_the_statistics_of_a_history_are_looked_up():
    assert _history_getattr(HistoryBuffer, 'mean') is HistoryBuffer.mean
    with pytest.raises(AttributeError, match='may not look up'):
        _history_getattr(HistoryBuffer, '__globals__')
