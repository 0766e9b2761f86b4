"""Every config builds, has one loss and one prediction, and differs as its name says."""

import functools
from pathlib import Path

import pytest
import torch
from directpose.datasets.metainfo import parse_metainfo
from helpers.builders import people, sample_of
from mmengine.config import Config
from mmengine.dataset import Compose
from mmpose.registry import DATASETS, MODELS

ROOT = Path(__file__).resolve().parent.parent
CONFIGS = sorted((ROOT / 'configs').glob('[dk]*/*.py'))
BASE = 'directpose_r50_fpn_8xb2-25e_coco-800x1333'
LONG = 'directpose_r50_fpn_8xb4-100e_coco-800x1333'


def load(name) -> Config:
    config = Config.fromfile(
        name if str(name).endswith('.py') else ROOT / f'configs/directpose/{name}.py'
    )
    config.model.backbone.init_cfg = None
    return config


def evaluators(config, split='val'):
    found = config[f'{split}_evaluator']
    return found if isinstance(found, list) else [found]


@pytest.mark.parametrize('path', CONFIGS, ids=lambda p: p.stem)
def test_builds_learns_and_predicts(path):
    config = load(path)
    if 'roi_head' in config.model:  # fewer regions of interest, for the time
        config.model.train_cfg.rcnn.sampler.num = 16
        config.model.test_cfg.rcnn.max_per_img = 4
    model = MODELS.build(config.model)
    images = torch.randn(1, 3, 64, 96)
    num_keypoints = parse_metainfo(config.model.metainfo)['num_keypoints']
    labels = people((10, 5, 60, 60), num_keypoints=num_keypoints)
    samples = [sample_of(labels, img_shape=(64, 96))]
    loss, losses = model.parse_losses(model(images, samples, mode='loss'))
    assert all(torch.isfinite(value) for value in losses.values())
    loss.backward()
    assert [n for n, p in model.named_parameters() if p.requires_grad and p.grad is None] == []
    model.eval()
    with torch.no_grad():
        found = model(images, samples, mode='predict')[0].pred_instances
    assert found.keypoints.shape[1:] == (num_keypoints, 2)


@pytest.mark.parametrize('path', CONFIGS, ids=lambda p: p.stem)
def test_what_the_runner_writes_can_be_read_again(path, tmp_path):
    config = Config.fromfile(path)
    config.dump(tmp_path / 'written.py')
    written = Config.fromfile(tmp_path / 'written.py')
    assert written.model == config.model and written.test_dataloader == config.test_dataloader


@pytest.mark.parametrize('path', CONFIGS, ids=lambda p: p.stem)
def test_data_and_metrics_fit_together(path):
    config = load(path)
    Compose(config.train_dataloader.dataset.pipeline)
    Compose(config.test_dataloader.dataset.pipeline)
    names = parse_metainfo(config.model.metainfo)['keypoint_id2name']
    for split in ('train', 'val', 'test'):
        dataset = {**config[f'{split}_dataloader'].dataset, 'lazy_init': True}
        assert DATASETS.build(dataset).metainfo['keypoint_id2name'] == names
    for split in ('val', 'test'):
        keypoints = evaluators(config, split)[0]
        assert keypoints.score_mode == 'bbox' and keypoints.nms_mode == 'none'
        for evaluator in evaluators(config, split):
            assert evaluator.ann_file.endswith(config[f'{split}_dataloader'].dataset.ann_file)
    prefix = evaluators(config)[0].get('prefix', 'coco')
    assert config.default_hooks.checkpoint.save_best == f'{prefix}/AP'


# A config for somebody else's weights has no schedule in its name.
@pytest.mark.parametrize('path', [p for p in CONFIGS if 'xb' in p.stem], ids=lambda p: p.stem)
def test_schedules_are_what_the_name_says(path):
    config = load(path)
    if 'max_iters' in config.train_cfg:  # detectron2's 1x: 90k iterations
        end = config.train_cfg.max_iters
        assert f'-{end // 90000}x_' in path.stem and end % 90000 == 0
    else:
        end = config.train_cfg.max_epochs
        assert f'-{end}e_' in path.stem
    assert f'b{config.train_dataloader.batch_size}-' in path.stem
    gpus = int(path.stem.split('xb')[0].rsplit('_', 1)[1])
    assert config.auto_scale_lr.base_batch_size == gpus * config.train_dataloader.batch_size
    ends = [s.get('end') or s.get('T_max') for s in config.param_scheduler]
    assert end in ends


@functools.lru_cache(maxsize=2)  # they are large
def build(name):
    return MODELS.build(load(name).model)


def variant(what):
    """The model of an ablation of the 25-epoch config, and of that config itself."""
    return build(BASE.replace('fpn_', f'fpn_{what}_')), build(BASE)


def parameters(module):
    return sum(p.numel() for p in module.parameters())


def finer(model):
    """How many levels finer each group is sampled."""
    return model.bbox_head.kpt_predictor.level_offsets.tolist()


def test_naive_has_no_alignment():
    naive, base = build(BASE.replace('directpose_', 'directpose-naive_')), build(BASE)
    assert type(base.bbox_head.kpt_predictor).__name__ == 'KPAlign'
    assert not hasattr(naive.bbox_head.kpt_predictor, 'locator')
    assert parameters(naive.bbox_head.kpt_predictor) == (9 * 256 + 1) * 34
    assert parameters(naive.bbox_head.cls_tower) == parameters(naive.bbox_head.kpt_tower)


def test_ungrouped_has_a_group_for_each_keypoint():
    ungrouped, base = variant('ungrouped')
    assert base.bbox_head.kpt_predictor.num_groups == 9
    assert ungrouped.bbox_head.kpt_predictor.num_groups == 17
    assert ungrouped.bbox_head.kpt_predictor.in_channels == 17 * 64
    shared, _ = variant('ungrouped-shared')
    predictor = shared.bbox_head.kpt_predictor
    assert (predictor.num_groups, predictor.feature_groups, predictor.in_channels) == (17, 1, 256)


def test_shared_features():
    shared, base = variant('shared-features')
    ours, theirs = shared.bbox_head.kpt_predictor, base.bbox_head.kpt_predictor
    assert (ours.num_groups, ours.feature_groups, ours.in_channels) == (9, 1, 256)
    assert (theirs.feature_groups, theirs.in_channels) == (9, 576)
    assert {m.conv.groups for m in shared.bbox_head.kpt_tower} == {1}
    assert [m.conv.groups for m in base.bbox_head.kpt_tower] == [1, 9, 9, 9]


def test_levels_to_sample_from():
    same, base = variant('same-level')
    assert finer(base) == [1] * 9 and finer(same) == [0] * 9
    assert min(finer(variant('from-p3')[0])) > 4
    for name in ('head-from-p3', 'head-from-p3-l1'):
        head, *others = finer(variant(name)[0])
        assert head > 4 and others == [1] * 8
        assert parameters(variant(name)[0]) == parameters(base)
    assert type(variant('head-from-p3')[0].bbox_head.loss_kpt) is type(base.bbox_head.loss_kpt)
    assert type(variant('head-from-p3-l1')[0].bbox_head.loss_kpt).__name__ == 'L1Loss'


def test_heatmap_branches():
    coarse, base = variant('heatmap-s16')
    none, _ = variant('no-heatmap')
    assert (base.heatmap_level, base.heatmap_head.stride) == (0, 8)
    assert (coarse.heatmap_level, coarse.heatmap_head.stride) == (1, 16)
    assert not hasattr(none, 'heatmap_head')
    assert parameters(base) - parameters(none) == parameters(base.heatmap_head)


def test_the_heatmap_branch_reads_its_level():
    coarse, _ = variant('heatmap-s16')
    feats = [torch.randn(1, 256, 32 >> level, 40 >> level) for level in range(5)]
    labels = people((10, 5, 100, 200))
    coarse.extract_feat = lambda images: feats
    try:
        losses = coarse.loss(None, [sample_of(labels)])
    finally:
        del coarse.extract_feat
    expected = coarse.heatmap_head.loss(feats[1], [sample_of(labels)])
    assert losses['loss_heatmap'] == expected['loss_heatmap']


def test_box_branch():
    boxes, base = variant('bbox')
    added = parameters(boxes) - parameters(base)
    assert added == parameters(boxes.bbox_head.bbox_tower) + parameters(boxes.bbox_head.conv_bbox)

    def steps(name):
        return [s.type for s in load(name).train_dataloader.dataset.pipeline]

    name = BASE.replace('fpn_', 'fpn_bbox_')
    assert 'PseudoBoxes' in steps(BASE) and 'PseudoBoxes' not in steps(name)
    for split in ('val', 'test'):
        metrics = [e.type for e in evaluators(load(name), split)]
        assert metrics == ['FastCocoMetric', 'PersonBoxMetric']


def test_gluoncvs_head():
    other, base = variant('kpt-centerness-vis')
    assert other.bbox_head.centerness_on_kpt and not base.bbox_head.centerness_on_kpt
    assert hasattr(other.bbox_head, 'loss_vis') and not hasattr(base.bbox_head, 'loss_vis')


def test_depths():
    for schedule in (BASE, LONG, f'{LONG}_ms-test'):
        deep = load(schedule.replace('r50', 'r101'))
        shallow = load(schedule)
        assert (deep.model.backbone.depth, shallow.model.backbone.depth) == (101, 50)
        deep.model.backbone = shallow.model.backbone
        assert deep.model == shallow.model


def test_multi_scale_test():
    config = load(f'{LONG}_ms-test')
    assert config.test_dataloader == load(LONG).test_dataloader
    _, augment = Compose(config.tta_pipeline).transforms
    passes = [
        (flip.prob, resize.short_side, resize.long_side)
        for flip, resize, _ in (subroutine.transforms for subroutine in augment.subroutines)
    ]
    sizes = [(800, 1333), (1000, 1666), (1200, 2000)]
    assert passes == [(flip, *size) for flip in (0, 1) for size in sizes]
    assert config.val_dataloader == load(LONG).val_dataloader
    assert config.custom_hooks[-1].type == 'PoseTTAHook'
    assert config.tta_model.type == 'mmdet.PoseTTAModel'


def test_classes_of_animals():
    head = build('directpose_r50_fpn_8xb4-100e_ap10k-800x1333').bbox_head
    assert head.conv_cls.out_channels == 54 and head.kpt_predictor.num_groups == 11


def test_the_recipe():
    config = load(LONG)
    optimizer = config.optim_wrapper.optimizer
    assert (optimizer.type, optimizer.lr, optimizer.momentum, optimizer.weight_decay) == (
        'SGD',
        0.01,
        0.9,
        1e-4,
    )
    warmup, decay = config.param_scheduler
    assert (warmup.start_factor, warmup.end, warmup.by_epoch) == (0.001, 1000, False)
    assert (decay.type, decay.power, decay.eta_min, decay.end) == ('PolyLR', 1.0, 0.0, 100)
    raw = Config.fromfile(ROOT / f'configs/directpose/{LONG}.py')
    assert raw.model.backbone.init_cfg.checkpoint == 'torchvision://resnet50'


@pytest.mark.parametrize('name', ['yoloxpose_nano', 'rtmo_nano'])
def test_the_models_to_compare_with(name):
    """mmpose's own, which mmpose's tools run."""
    config = Config.fromfile(ROOT / f'configs/comparison/{name}_1xb4-5e_synthetic-288x288.py')
    Compose(config.test_dataloader.dataset.pipeline)
    for pipeline in (config.train_dataloader.dataset.pipeline, config.train_pipeline_stage2):
        Compose(pipeline)
        assert not any('Flip' in step['type'] for step in pipeline)
    model = MODELS.build(config.model)
    assert parameters(model) < 3e6
    labels = people((10, 5, 60, 60), (40, 20, 90, 90))
    labels.keypoints_visible_weights = labels.keypoints_visible
    labels.areas = torch.tensor([2000.0, 2500.0])
    losses = model(torch.randn(1, 3, 96, 96), [sample_of(labels, img_shape=(96, 96))], mode='loss')
    assert all(torch.isfinite(value).all() for value in losses.values())
