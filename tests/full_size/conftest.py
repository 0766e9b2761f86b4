"""Fixtures of the full-size tests."""

import shutil

import pytest
from directpose.apis.visualization import PeopleVisualizer
from helpers.commands import call
from mmengine.config import Config

from .harness import prepare


@pytest.fixture(scope='class')
def run(path, tmp_path_factory):
    """Config and work dir of a training of two steps, the second of them resumed."""
    # The tools are called in one process, where mmengine would give them another's visualizer.
    PeopleVisualizer._instance_dict.clear()
    folder = tmp_path_factory.mktemp('run')
    config, work_dir = prepare(path, folder / 'data'), folder / 'work'
    first = call('train', config, '--work-dir', work_dir)
    assert first.returncode == 0, first.stderr
    train_cfg = Config.fromfile(config).train_cfg
    limit = 'max_epochs' if 'max_epochs' in train_cfg else 'max_iters'
    options = ('--resume', '--cfg-options', f'train_cfg.{limit}=2')
    second = call('train', config, '--work-dir', work_dir, *options)
    assert second.returncode == 0, second.stderr
    yield config, work_dir
    PeopleVisualizer._instance_dict.clear()
    shutil.rmtree(folder)  # a checkpoint of full width has hundreds of megabytes
