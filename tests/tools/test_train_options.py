"""The options of directpose train that stand for hooks and backends of mmengine."""

import importlib.util

import pytest
import torch
from helpers.commands import CONFIG, data_options, python


@pytest.fixture(scope='module')
def stopped(synthetic_set, tmp_path_factory):
    """A training that learns nothing, and so is to stop after two validations of five."""
    work_dir = tmp_path_factory.mktemp('stopped')
    done = python(
        *('tools/train.py', CONFIG, '--work-dir', work_dir, '--patience', 1, '--ema'),
        *('--logger', 'tensorboard', '--cfg-options', *data_options(synthetic_set)),
        *('optim_wrapper.optimizer.lr=0.0', 'train_cfg.max_epochs=5', 'train_cfg.val_interval=1'),
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return work_dir, done.stdout


def test_it_stops_in_time(stopped):
    work_dir, _ = stopped
    assert (work_dir / 'last_checkpoint').read_text().endswith('epoch_2.pth')


def test_averaged_weights_are_kept(stopped):
    checkpoint = torch.load(stopped[0] / 'epoch_2.pth')  # without executing what is in it
    assert 'ema_state_dict' in checkpoint


def test_the_end_says_what_next(stopped):
    work_dir, printed = stopped
    kept = f'{work_dir}/best_coco_AP_epoch_1.pth'
    for line in (
        f'best checkpoint: {kept}',
        f'  directpose test {CONFIG} {kept}',
        f'  directpose demo {CONFIG} {kept} photo.jpg',
        f'  directpose export {CONFIG} {kept} model.onnx',
    ):
        assert line in printed


def test_a_logger_that_is_not_installed(tmp_path):
    if importlib.util.find_spec('clearml'):
        pytest.skip('clearml is installed')
    done = python('tools/train.py', CONFIG, '--work-dir', tmp_path, '--logger', 'clearml')
    assert done.returncode == 1
    assert '--logger clearml needs a package: pip install clearml' in done.stderr
