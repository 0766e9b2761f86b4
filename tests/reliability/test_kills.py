"""Nothing is lost when a training is ended."""

import pytest
import torch
from helpers.commands import CONFIG, data_options

from reliability.kills import train_through_kills, weights


def arguments(data, epochs):
    workers = ['train_dataloader.num_workers=1', 'train_dataloader.persistent_workers=True']
    options = [*data_options(data), *workers, f'train_cfg.max_epochs={epochs}']
    return [CONFIG, '--cfg-options', *options, 'randomness.seed=1']


@pytest.fixture(scope='module')
def undisturbed(synthetic_set, tmp_path_factory):
    """Work dir of a training that nobody kills."""
    work_dir = tmp_path_factory.mktemp('kills') / 'undisturbed'
    train_through_kills(arguments(synthetic_set, 3), work_dir, [])
    return work_dir


def test_a_killed_training_goes_on_as_if_nothing_had_been(undisturbed, synthetic_set, tmp_path):
    """With the same seed it ends with the same weights, and loses at most an epoch."""
    kills = [('last_checkpoint', 3), ('half a checkpoint', 1)]
    work_dir = tmp_path / 'killed'
    done = train_through_kills(arguments(synthetic_set, 3), work_dir, kills)
    assert done == [2, 2]
    expected, found = (weights(d / 'epoch_3.pth') for d in (undisturbed, work_dir))
    assert expected.keys() == found.keys()
    for name, value in expected.items():
        assert torch.equal(value, found[name]), name
    assert sorted(p.name for p in work_dir.glob('epoch*')) == ['epoch_2.pth', 'epoch_3.pth']
    first, last = (weights(undisturbed / f'epoch_{n}.pth') for n in (2, 3))
    assert any(not torch.equal(first[name], last[name]) for name in first)
