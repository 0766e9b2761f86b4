"""The options of directpose train that stand for hooks and backends of mmengine."""

import argparse
import contextlib
import importlib.util
from types import SimpleNamespace
from unittest import mock

import pytest
import torch
from directpose.cli.train import add_options
from directpose.engine import batch_size
from directpose.engine.batch_size import (
    batch_for_gpu,
    largest_batch,
    peak_memory,
    settle_image_size,
    with_largest_images,
)
from directpose.utils.config import build_model, read_config
from directpose.utils.errors import InputError
from helpers.commands import CONFIG, ROOT, data_options, python
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.model import BaseModel
from mmengine.registry import init_default_scope
from mmpose.registry import DATASETS, HOOKS, MODELS


@pytest.fixture(scope='module')
def stopped(synthetic_set, tmp_path_factory):
    """A training that learns nothing, and so is to stop after two validations of five."""
    work_dir = tmp_path_factory.mktemp('stopped')
    done = python(
        *('tools/train.py', CONFIG, '--work-dir', work_dir, '--patience', 1, '--ema'),
        *('--batch', 3),
        *('--logger', 'tensorboard', '--cfg-options', *data_options(synthetic_set)),
        *('optim_wrapper.optimizer.lr=0.0', 'train_cfg.max_epochs=5', 'train_cfg.val_interval=1'),
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return work_dir, done.stdout


def test_it_stops_in_time(stopped):
    work_dir, _ = stopped
    assert (work_dir / 'last_checkpoint').read_text().endswith('epoch_2.pth')


def test_it_does_not_stop_while_the_ap_rises():
    """Also by less than a point."""
    cfg = read_config(CONFIG)
    add_options(cfg, argparse.Namespace(patience=1, freeze=None, ema=False, logger=[]))
    hook = HOOKS.build(cfg.custom_hooks[-1])
    runner = SimpleNamespace(train_loop=SimpleNamespace(stop_training=False), logger=mock.Mock())
    for ap, stops in ((0.3, False), (0.302, False), (0.304, False), (0.304, True)):
        hook.after_val_epoch(runner, {'coco/AP': ap})
        assert runner.train_loop.stop_training == stops


def test_it_watches_what_the_best_checkpoint_is_chosen_by():
    cfg = read_config('configs/directpose/directpose_r50_fpn_8xb4-100e_crowdpose-800x1333.py')
    add_options(cfg, argparse.Namespace(patience=1, freeze=None, ema=False, logger=[]))
    assert cfg.custom_hooks[-1]['monitor'] == 'crowdpose/AP'
    for best, watched in ((['coco/AR', 'coco/AP'], 'coco/AR'), (['auto'], 'coco/AP')):
        cfg.default_hooks.checkpoint.save_best = best
        add_options(cfg, argparse.Namespace(patience=1, freeze=None, ema=False, logger=[]))
        assert cfg.custom_hooks[-1]['monitor'] == watched


def test_all_of_a_backbone_is_frozen():
    cfg = read_config('configs/directpose_v2/directposev2-s_8xb32-300e_coco-640x640.py')
    cfg.model.backbone.init_cfg = None
    add_options(cfg, argparse.Namespace(patience=None, freeze='backbone', ema=False, logger=[]))
    backbone = build_model(cfg).backbone
    backbone.train()  # CSPDarknet's returns nothing
    assert not any(param.requires_grad for param in backbone.parameters())
    assert not any(module.training for module in backbone.modules() if hasattr(module, 'eps'))


def test_the_batch_is_the_given_one(stopped):
    work_dir, _ = stopped
    kept = Config.fromfile(next(work_dir.glob('*.py')))
    assert kept.train_dataloader.batch_size == 3


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


def test_a_batch_that_fills_the_memory():
    """The line through small batches; steps that need more than there is are not tried again."""
    tried = []

    def peak_of(batch):
        tried.append(batch)
        if 10 + 3 * batch > 100:
            raise torch.cuda.OutOfMemoryError
        return 10 + 3 * batch

    assert largest_batch(peak_of, 100, 99) == 23  # 10 + 3 * 23 = 79
    assert tried == [1, 2, 4, 23]
    assert largest_batch(peak_of, 100, 15) == 15
    assert largest_batch(peak_of, 100, 1) == 1
    assert largest_batch(lambda batch: 70 * batch if batch < 2 else peak_of(99), 100, 99) == 1
    # The images of the second step are small ones, so that the line promises too much.
    uneven = {1: 20, 2: 21}
    assert largest_batch(lambda b: uneven.get(b) or peak_of(b), 100, 99) == 15  # 60, 30
    for peak in (lambda batch: 90, lambda batch: peak_of(99)):
        with pytest.raises(InputError, match='not even one image fits'):
            largest_batch(peak, 100, 99)


def test_an_epoch_has_twenty_steps():
    """However large the memory: here a step needs a byte for each image, and there is a GB."""
    cfg = read_config(str(ROOT / CONFIG))
    with (
        mock.patch.object(torch.cuda, 'is_available', return_value=True),
        mock.patch.object(torch.cuda, 'mem_get_info', return_value=(10**9, 0)),
        mock.patch.object(batch_size, 'build_model'),
        mock.patch.object(batch_size, 'settle_image_size'),
        mock.patch.object(batch_size.DATASETS, 'build', return_value=range(60)),
        mock.patch.object(batch_size, 'peak_memory', lambda *args: args[-1]),
    ):
        assert batch_size.batch_for_gpu(cfg) == 60 // 20


def test_a_step_that_is_measured_is_one_of_the_training(synthetic_set):
    """On the CPU, where only the counter of the memory is missing."""
    cfg = read_config(str(ROOT / CONFIG))
    cfg.train_dataloader.dataset.data_root = f'{synthetic_set}/'
    model, dataset = build_model(cfg).train(), DATASETS.build(cfg.train_dataloader.dataset)
    counted = dict(reset_peak_memory_stats=None, max_memory_allocated=1000)
    with contextlib.ExitStack() as stack:
        for name, value in counted.items():
            stack.enter_context(mock.patch.object(torch.cuda, name, return_value=value))
        peak = peak_memory(model, dataset, False, len(dataset) + 1)
    assert peak == 1000 + 8 * sum(w.numel() for w in model.parameters() if w.requires_grad)


def test_steps_that_are_measured_have_the_largest_images(synthetic_set):
    """Those of the sizes change from step to step."""
    cfg = read_config(str(ROOT / 'configs/directpose_v2/directposev2-s_8xb32-300e_coco-640x640.py'))
    small = read_config(str(ROOT / CONFIG)).train_dataloader.dataset
    small.data_root = f'{synthetic_set}/'
    dataset = DATASETS.build(small)
    largest = with_largest_images(cfg).model.data_preprocessor
    model = mock.Mock(data_preprocessor=MODELS.build(largest))
    settle_image_size(model, dataset)
    for _ in range(3):
        data = model.data_preprocessor(pseudo_collate([dataset[0]]), training=True)
        assert data['inputs'].shape[-2:] == (800, 800)
    assert cfg.model.data_preprocessor.batch_augments[0].random_size_range == (480, 800)


def test_the_parts_of_a_config_are_found_before_there_is_a_runner(synthetic_set):
    """A process begins in the scope of mmengine; of the GPU only the counters are missing."""
    cfg = read_config(str(ROOT / CONFIG))
    cfg.train_dataloader.dataset.data_root = f'{synthetic_set}/'
    counted = dict(
        is_available=True,
        mem_get_info=(10**12, 0),
        reset_peak_memory_stats=None,
        max_memory_allocated=1000,
    )
    init_default_scope('mmengine')
    with contextlib.ExitStack() as stack:
        for name, value in counted.items():
            stack.enter_context(mock.patch.object(torch.cuda, name, return_value=value))
        stack.enter_context(mock.patch.object(BaseModel, 'cuda', lambda model: model))
        assert batch_for_gpu(cfg) == 1


@pytest.mark.skipif(torch.cuda.is_available(), reason='there is a GPU')
def test_a_batch_is_measured_on_a_gpu_only(synthetic_set, tmp_path):
    options = ['--work-dir', tmp_path, '--cfg-options', *data_options(synthetic_set)]
    done = python('tools/train.py', CONFIG, '--batch', 'auto', *options)
    assert done.returncode == 1
    assert '--batch auto measures the memory of one GPU; give a number' in done.stderr


@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU and DIRECTPOSE_TEST_GPU=1')
def test_a_training_with_a_measured_batch(synthetic_set, tmp_path):
    options = ['--work-dir', tmp_path, '--cfg-options', *data_options(synthetic_set)]
    done = python('tools/train.py', CONFIG, '--batch', 'auto', *options)
    assert done.returncode == 0 and 'images of a step fill the GPU' in done.stdout
