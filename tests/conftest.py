"""Fixtures of all tests: the repository, data beside it, a small synthetic set, a trained model."""

import os
import warnings
from pathlib import Path
from unittest import mock

if os.environ.get('DIRECTPOSE_TEST_GPU') != '1':  # the numbers, and two processes, are of a CPU
    os.environ['CUDA_VISIBLE_DEVICES'] = ''

import directpose  # noqa: F401  (registers everything)
import pytest
import torch
from helpers.commands import CONFIG, data_options, python
from mmengine.config import config as mmengine_config
from mmengine.registry import init_default_scope

ROOT = Path(__file__).resolve().parent.parent
warnings.filterwarnings('ignore', category=UserWarning, module='mm(cv|det|pose|engine)')


@pytest.fixture(autouse=True)
def seed_and_scope():
    """Every test starts from the same random state, in the scope of the configs."""
    torch.manual_seed(0)
    init_default_scope('mmpose')


@pytest.fixture(scope='session', autouse=True)
def unformatted_configs():
    """mmengine formats a config for each log and checkpoint: a third of a short training."""
    unchanged = lambda text, style_config: (text, False)  # noqa: E731
    with mock.patch.object(mmengine_config, 'FormatCode', unchanged):
        yield


@pytest.fixture(scope='session')
def root() -> Path:
    return ROOT


@pytest.fixture(scope='session')
def shared() -> Path:
    """Data that lies beside the project for its developers; a user does not have it."""
    path = Path(os.environ.get('DIRECTPOSE_SHARED', ROOT.parent / 'shared'))
    if not (path / 'data').is_dir():
        pytest.skip(f'no shared data at {path} (set DIRECTPOSE_SHARED)')
    return path


@pytest.fixture(scope='session')
def synthetic_set(tmp_path_factory) -> Path:
    """A small synthetic set: 8 training and 4 held-out images."""
    from directpose.datasets.synthetic.scenes import make_synthetic_set

    out = tmp_path_factory.mktemp('synthetic') / 'set'
    make_synthetic_set(out, 8, 4, seed=3, workers=1)
    return out


@pytest.fixture(scope='session')
def trained(synthetic_set, tmp_path_factory) -> Path:
    """Work dir of one epoch of ``tools/train.py``, with pictures during validation."""
    work_dir = tmp_path_factory.mktemp('train')
    done = python(
        'tools/train.py',
        CONFIG,
        '--work-dir',
        work_dir,
        '--cfg-options',
        *data_options(synthetic_set),
        'default_hooks.visualization.enable=True',
        'default_hooks.visualization.interval=1',
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return work_dir
