"""Every config builds, has one loss and one prediction, and differs as its name says."""

from pathlib import Path

import pytest
import torch
from builders import people, sample_of
from mmengine.config import Config
from mmengine.dataset import Compose
from mmpose.registry import MODELS

ROOT = Path(__file__).resolve().parent.parent
CONFIGS = sorted((ROOT / 'configs').glob('[!_]*/*.py'))
BASE = 'directpose_r50_fpn_8xb2-25e_coco-800x1333'


def load(name) -> Config:
    config = Config.fromfile(
        name if str(name).endswith('.py') else ROOT / f'configs/directpose/{name}.py'
    )
    config.model.backbone.init_cfg = None
    return config


@pytest.mark.parametrize('path', CONFIGS, ids=lambda p: p.stem)
def test_builds_learns_and_predicts(path):
    config = load(path)
    model = MODELS.build(config.model)
    images = torch.randn(1, 3, 64, 96)
    labels = people((10, 5, 60, 60), num_keypoints=config.model.bbox_head.num_keypoints)
    samples = [sample_of(labels, img_shape=(64, 96))]
    losses = model(images, samples, mode='loss')
    assert all(torch.isfinite(loss) for loss in losses.values())
    sum(losses.values()).backward()
    assert [n for n, p in model.named_parameters() if p.requires_grad and p.grad is None] == []
    model.eval()
    with torch.no_grad():
        found = model(images, samples, mode='predict')[0].pred_instances
    assert found.keypoints.shape[1:] == (config.model.bbox_head.num_keypoints, 2)


@pytest.mark.parametrize('path', CONFIGS, ids=lambda p: p.stem)
def test_pipelines_are_whole(path):
    config = load(path)
    Compose(config.train_dataloader.dataset.pipeline)
    Compose(config.test_dataloader.dataset.pipeline)
    assert config.val_evaluator.score_mode == 'bbox' and config.val_evaluator.nms_mode == 'none'
    assert config.val_evaluator.ann_file.endswith(config.val_dataloader.dataset.ann_file)


# A config for somebody else's weights has no schedule in its name.
@pytest.mark.parametrize('path', [p for p in CONFIGS if 'xb' in p.stem], ids=lambda p: p.stem)
def test_schedules_are_what_the_name_says(path):
    config = load(path)
    epochs = config.train_cfg.max_epochs
    assert f'-{epochs}e_' in path.stem
    assert f'b{config.train_dataloader.batch_size}-' in path.stem
    gpus = int(path.stem.split('xb')[0].rsplit('_', 1)[1])
    assert config.auto_scale_lr.base_batch_size == gpus * config.train_dataloader.batch_size
    ends = [s.get('end') or s.get('T_max') for s in config.param_scheduler]
    assert epochs in ends


def test_every_option_is_used_by_a_config():
    base = load(BASE).model.bbox_head
    heads = {p.stem: load(p).model.bbox_head for p in CONFIGS}
    naive = heads['directpose-naive_r50_fpn_8xb2-25e_coco-800x1333']
    assert naive.kpt_predictor.type == 'mmdet.KeypointConv'
    assert base.kpt_predictor.type == 'mmdet.KPAlign' and len(base.kpt_predictor.groups) == 9
    boxes = heads['directpose_r50_fpn_bbox_8xb2-25e_coco-800x1333']
    assert boxes.loss_bbox.type == 'mmdet.GIoULoss'
    gluoncv = heads['directpose_r50_fpn_kpt-centerness-vis_8xb2-25e_coco-800x1333']
    assert gluoncv.centerness_on_kpt and gluoncv.loss_vis
    fcos_fork = heads['directpose_r50_fpn_head-from-p3-l1_8xb2-25e_coco-800x1333']
    assert fcos_fork.loss_kpt.type == 'mmdet.L1Loss'
    assert list(fcos_fork.kpt_predictor.source_levels) == ['finest'] + ['finer'] * 8
    no_heatmap = load('directpose_r50_fpn_no-heatmap_8xb2-25e_coco-800x1333').model
    assert no_heatmap.heatmap_head is None and load(BASE).model.heatmap_head is not None


def test_pseudo_boxes_unless_boxes_are_learnt():
    def steps(name):
        return [s.type for s in load(name).train_dataloader.dataset.pipeline]

    assert 'PseudoBoxes' in steps(BASE)
    assert 'PseudoBoxes' not in steps('directpose_r50_fpn_bbox_8xb2-25e_coco-800x1333')


def test_the_recipe():
    config = load('directpose_r50_fpn_8xb4-100e_coco-800x1333')
    optimizer = config.optim_wrapper.optimizer
    assert (optimizer.type, optimizer.lr, optimizer.momentum, optimizer.weight_decay) == (
        'SGD',
        0.01,
        0.9,
        1e-4,
    )
    warmup, decay = config.param_scheduler
    assert (warmup.start_factor, warmup.end, warmup.by_epoch) == (0.001, 1000, False)
    assert (decay.type, decay.end_factor, decay.end) == ('LinearLR', 0.0, 100)
    raw = Config.fromfile(ROOT / 'configs/directpose/directpose_r50_fpn_8xb4-100e_coco-800x1333.py')
    assert raw.model.backbone.init_cfg.checkpoint == 'torchvision://resnet50'
