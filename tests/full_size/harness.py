"""Every config of ``configs/`` on every path, with its own depth, levels and pipeline.

Inputs are small. So are the widths, unless DIRECTPOSE_FULL_WIDTH is set (``make full-size``).
"""

import functools
import json
import os
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from directpose.datasets.metainfo import parse_metainfo
from helpers.commands import ROOT
from mmengine.config import Config

CONFIGS = sorted(p for p in (ROOT / 'configs').glob('*/*.py') if '_base_' not in p.parts)
# What is not taken through, and why.
LEFT_OUT = {
    'rtmo_nano_1xb4-5e_synthetic-288x288': "a model of mmpose's: its own tools run it",
    'yoloxpose_nano_1xb4-5e_synthetic-288x288': "a model of mmpose's: its own tools run it",
}
# Which configs tools/export_onnx.py refuses, by words of its sentence.
NOT_EXPORTED = {
    'directpose_r50_fpn_8xb4-100e_coco-800x1333_ms-test': 'tests several forms',
    'directpose_r101_fpn_8xb4-100e_coco-800x1333_ms-test': 'tests several forms',
    'keypoint-rcnn_r50_fpn_8xb2-3x_coco-800x1333_flip-test': 'tests several forms',
    'keypoint-rcnn_r50_fpn_gcm_8xb2-3x_coco-800x1333_flip-test': 'tests several forms',
}
FULL_WIDTH = bool(os.environ.get('DIRECTPOSE_FULL_WIDTH'))
WIDTH = 32  # channels of the feature maps, in place of 256
SIZES = dict(
    RandomScaleCrop=dict(short_side=(112, 128), long_side=176, crop_size=(144, 144)),
    ResizeKeepRatio=dict(short_side=128, long_side=176),
    ResizePixelAreas=dict(short_side=128, long_side=176),
    ResizeTorchvision=dict(short_side=128, long_side=176),
    MultiScaleFlip=dict(short_sides=[96, 128]),
    Mosaic=dict(img_scale=(128, 128)),
    BottomupRandomAffine=dict(input_size=(128, 128)),
    YOLOXMixUp=dict(img_scale=(128, 128)),
    BatchSyncRandomResize=dict(random_size_range=(96, 160)),
)


def all_configs() -> list[Path]:
    """The configs that are taken through."""
    return [p for p in CONFIGS if p.stem not in LEFT_OUT]


@functools.cache
def params(folder: str) -> list:
    """The configs of a folder.

    Slow, and so for ``make full-size`` only, are those all of whose parts others have, and the
    small ones, which other tests train.
    """
    configs = {p: Config.fromfile(p) for p in all_configs() if p.parent.name == folder}
    parts = {p: set(parts_of_config(cfg)) for p, cfg in configs.items() if 'tiny' not in p.stem}
    quick: set[Path] = set()
    while missing := set().union(*parts.values()).difference(*(parts[p] for p in quick)):
        # The one with most of them, and of equal ones that with the fewest layers
        quick.add(max(parts, key=lambda p: (len(parts[p] & missing), -layers_of(configs[p]))))
    for path in sorted(quick):  # what was taken early may have nothing of its own
        if parts[path] <= set().union(*(parts[p] for p in quick - {path})):
            quick.remove(path)
    return [
        pytest.param(p, id=p.stem, marks=[] if p in quick else [pytest.mark.slow]) for p in configs
    ]


def layers_of(cfg: Config) -> float:
    """How deep a backbone is, among those of its kind."""
    return cfg.model.backbone.get('depth') or cfg.model.backbone.deepen_factor


def parts_of_config(cfg: Config) -> Iterator[str]:
    """The types and optional parts of what a config trains and tests."""
    loaders = [cfg[f'{split}_dataloader'] for split in ('train', 'test')]
    runs = [cfg.get('tta_model'), dict(type=cfg['optim_wrapper'].get('type', 'OptimWrapper'))]
    return parts_of([cfg.model, loaders, runs])


def parts_of(cfg) -> Iterator[str]:
    """The types that a config names, and its optional parts."""
    if isinstance(cfg, dict):
        cfg = {k: v for k, v in cfg.items() if k not in ('init_cfg', 'norm_cfg')}
        yield from (name for name in cfg if name in ('heatmap_head', 'loss_vis', 'loss_bbox'))
        yield from ([cfg['type']] if isinstance(cfg.get('type'), str) else [])
    if isinstance(cfg, (dict, list, tuple)):
        for child in cfg.values() if isinstance(cfg, dict) else cfg:
            yield from parts_of(child)


def narrow(model: dict) -> None:
    """Make a model an eighth as wide; its depth and its levels stay."""
    if model.backbone.get('base_channels', 64) < 64:
        return  # a small model already
    if 'CSPDarknet' in model.backbone.type:
        model.backbone.widen_factor = 0.125
        model.neck.update(in_channels=[32, 64, 128], out_channels=WIDTH)
    else:
        model.backbone.update(base_channels=8, stem_channels=8)
        model.neck.update(in_channels=[32, 64, 128, 256], out_channels=WIDTH)
    if 'rpn_head' in model:
        model.rpn_head.update(in_channels=WIDTH, feat_channels=WIDTH)
        head = model.roi_head
        head.bbox_roi_extractor.out_channels = head.keypoint_roi_extractor.out_channels = WIDTH
        head.bbox_head.update(in_channels=WIDTH, fc_out_channels=2 * WIDTH)
        head.keypoint_head.update(in_channels=WIDTH, conv_channels=2 * WIDTH)
        return
    model.bbox_head.update(in_channels=WIDTH, feat_channels=WIDTH, num_norm_groups=8)
    predictor = model.bbox_head.kpt_predictor
    if predictor.type == 'mmdet.KeypointConv':
        predictor.in_channels = WIDTH
    else:
        predictor.group_channels = WIDTH if 'Shared' in predictor.type else 8
    if model.get('heatmap_head'):
        model.heatmap_head.update(in_channels=WIDTH, feat_channels=16, num_norm_groups=8)


def write_data(folder: Path, skeleton: dict, num_classes: int) -> None:
    """Two images of noise with two people each, whose keypoints are spread over their boxes."""
    rng = np.random.default_rng(0)
    (folder / 'images').mkdir(parents=True)
    coco = dict(images=[], annotations=[], categories=[])
    for label in range(1, num_classes + 1):
        coco['categories'].append(dict(id=label, name=f'class {label}'))
    for image_id in (1, 2):
        name, (height, width) = f'{image_id:06d}.jpg', (240, 320)
        noise = rng.integers(0, 256, (height // 8, width // 8, 3), dtype=np.uint8)
        cv2.imwrite(str(folder / 'images' / name), cv2.resize(noise, (width, height)))
        coco['images'].append(
            dict(id=image_id, file_name=name, width=width, height=height, crowdIndex=0.5)
        )
        for number in range(2):
            box = np.array([20 + 150 * number, 40, 100, 150])
            places = box[:2] + box[2:] * rng.random((skeleton['num_keypoints'], 2))
            visible = np.full((len(places), 1), 2)
            coco['annotations'].append(
                dict(
                    id=2 * image_id + number,
                    image_id=image_id,
                    category_id=1 + number % num_classes,
                    bbox=box.tolist(),
                    area=float(box[2:].prod()),
                    iscrowd=0,
                    keypoints=np.hstack((places, visible)).round(1).flatten().tolist(),
                    num_keypoints=len(places),
                )
            )
    (folder / 'people.json').write_text(json.dumps(coco))


def prepare(path: Path, folder: Path) -> Path:
    """A config with small inputs and data of its own in a folder; its path."""
    cfg = Config.fromfile(path)
    cfg.model.backbone.init_cfg = None
    if not FULL_WIDTH:
        narrow(cfg.model)
    two_stages = 'roi_head' in cfg.model
    head = cfg.model.roi_head.bbox_head if two_stages else cfg.model.bbox_head
    # Random weights are sure of nobody.
    test_cfg = cfg.model.test_cfg.rcnn if two_stages else cfg.model.test_cfg
    test_cfg.update(score_thr=0.0, max_per_img=20)
    write_data(folder, parse_metainfo(cfg.model.metainfo), head.get('num_classes', 1))
    annotations = str(folder / 'people.json')
    for split in ('train', 'val', 'test'):
        loader = cfg[f'{split}_dataloader']
        loader.update(batch_size=2 if split == 'train' else 1, num_workers=0)
        loader.persistent_workers = False
        images = dict(img='images/')
        loader.dataset.update(data_root=str(folder), ann_file='people.json', data_prefix=images)
        shrink(loader.dataset.pipeline)
        evaluators = cfg.get(f'{split}_evaluator') or []
        for evaluator in evaluators if isinstance(evaluators, list) else [evaluators]:
            evaluator.ann_file = annotations
    shrink(cfg.get('tta_pipeline', []))
    shrink(cfg.model.data_preprocessor.get('batch_augments', []))
    for hook in cfg.get('custom_hooks', []):
        shrink(hook.get('switch_pipeline', []))
        hook.update({name: 1 for name in hook if name == 'switch_epoch'})  # when resumed
    by_epoch = 'max_epochs' in cfg.train_cfg
    cfg.train_cfg.update({'max_epochs' if by_epoch else 'max_iters': 1, 'val_interval': 1})
    cfg.default_hooks.checkpoint.interval = cfg.default_hooks.logger.interval = 1
    cfg.dump(folder / f'{path.stem}.py')
    return folder / f'{path.stem}.py'


def shrink(pipeline: list[dict]) -> None:
    """Give the steps of a pipeline small sizes."""
    for step in pipeline:
        step.update(SIZES.get(step['type'].split('.')[-1], {}))
        shrink(step.get('pre_transform', []))


def last_checkpoint(work_dir: Path) -> str:
    """The checkpoint that a training has written last."""
    return (work_dir / 'last_checkpoint').read_text().strip()
