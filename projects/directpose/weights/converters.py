"""Whole checkpoints of other programs, brought to the model of a config."""

import io
import os.path as osp
import re
from collections import Counter
from collections.abc import Callable
from functools import partial

import torch
from mmengine.config import Config
from torch import Tensor

from ..utils.config import build_model, config_path
from ..utils.errors import InputError
from ..utils.io import write_bytes
from .checkpoint import read_checkpoint, weight_problems
from .conversion import from_detectron2, from_fcos, from_gluoncv, from_torchvision

DEFAULT_CONFIGS = dict(
    gluoncv='directpose/directpose_r50-blur_fpn_gluoncv_coco-800x1333.py',
    fcos='directpose/directpose_r50-caffe_fpn_8xb4-100e_coco-800x1333.py',
    detectron2='keypoint_rcnn/keypoint-rcnn_r50_fpn_detectron2_coco-800x1333.py',
    torchvision='keypoint_rcnn/keypoint-rcnn_r50_fpn_torchvision_coco-800x1333.py',
)
# Parts of the model, for the report.
PARTS = r'^(backbone|neck|heatmap_head|rpn_head|(?:bbox_head|roi_head)\.\w+)\.'
# What GluonCV's published weights lack.
OPTIONAL = r'^heatmap_head\.'
BOX_BRANCH = r'^bbox_head\.(bbox_tower|conv_bbox)\.'
FCOS_PARTS = rf'^(backbone|neck|bbox_head\.(cls_tower|conv_cls|conv_centerness))\.|{BOX_BRANCH}'


def model_weights(config: Config) -> dict[str, Tensor]:
    """The weights of the config's model, for their names and shapes."""
    weights = build_model(config).state_dict()
    return {n: w for n, w in weights.items() if not n.startswith('data_preprocessor.')}


def convert_whole(src: str, config: Config, rename: Callable) -> dict[str, Tensor]:
    """The whole model, by the rules of a program.

    Raises:
        InputError: with the list of weights that do not fit.
    """
    converted = rename(read_checkpoint(src)[0])
    check_weights(src, converted, model_weights(config))
    return converted


def convert_fcos(src: str, config: Config) -> dict[str, Tensor]:
    """The parts that DirectPose shares with FCOS.

    Raises:
        InputError: with the list of weights that do not fit, or if the backbone is of another
            style.
    """
    weights, content = read_checkpoint(src)
    meta = content.get('meta') or {}
    text = str(meta.get('cfg', '')) + str(meta.get('config', ''))  # mmdet 3 and 2
    theirs, ours = re.search(r"style='(\w+)'", text), config.model.backbone.get('style')
    if theirs and theirs[1] != ours:
        raise InputError(
            f'the backbone of {src} is of style {theirs[1]!r}, that of {config.filename} of style '
            f'{ours!r}; give a config of the same style with --config'
        )
    head, model = config.model.bbox_head, model_weights(config)
    on_cls = (
        'centerness_on_reg=True' not in text
        and 'bbox_head.conv_centerness.weight' in model
        and not head.get('centerness_on_kpt')
    )
    in_strides = 'norm_on_bbox=True' in text
    converted = from_fcos(weights, with_centerness=on_cls, with_distances=in_strides)
    absent = [r'\.conv_centerness\.'] * (not on_cls) + [r'\.conv_bbox\.'] * (not in_strides)
    wanted = {
        name: weight
        for name, weight in model.items()
        if re.match(FCOS_PARTS, name) and not re.search('|'.join(absent) or '$^', name)
    }
    if not head.get('loss_bbox'):
        converted = {n: w for n, w in converted.items() if not re.search(BOX_BRANCH, n)}
    check_weights(src, converted, wanted)
    return converted


def check_weights(src: str, found: dict[str, Tensor], wanted: dict[str, Tensor]) -> None:
    """Compare with the model.

    Raises:
        InputError: with the list of all weights that are missing, unknown or of another shape.
    """
    wanted = {n: w for n, w in wanted.items() if n in found or not re.search(OPTIONAL, n)}
    problems = weight_problems(found, wanted)
    if problems:
        listed = '\n  '.join(problems)
        raise InputError(
            f'{len(problems)} weights of {src} do not fit the model of the config; by our names:'
            f'\n  {listed}'
        )


def report(converted: dict[str, Tensor], wanted: dict[str, Tensor]) -> str:
    """A table of the parts of the model: how many of their weights are taken."""
    taken, total = (
        Counter(re.match(PARTS, name)[1] for name in weights if re.match(PARTS, name))
        for weights in (converted.keys() & wanted.keys(), wanted)
    )
    lines = [f'{"part":32} {"weights":>8}']
    for part, count in total.items():
        what = f'{taken[part]} taken' if taken[part] else 'starts fresh'
        lines.append(f'{part:32} {count:8} {what}')
    return '\n'.join(lines)


def write_checkpoint(weights: dict[str, Tensor], source: str, dst: str) -> None:
    """Write a checkpoint, whole or not at all."""
    content, meta = io.BytesIO(), dict(converted_from=osp.basename(source))
    torch.save(dict(state_dict=weights, meta=meta), content)
    write_bytes(content.getvalue(), dst)


CONVERTERS = dict(
    gluoncv=partial(convert_whole, rename=from_gluoncv),
    fcos=convert_fcos,
    detectron2=partial(convert_whole, rename=from_detectron2),
    torchvision=partial(convert_whole, rename=from_torchvision),
)


def default_config(program: str, src: str) -> str:
    """Path of the config for the weights of a program.

    Raises:
        InputError: the file cannot be read.
    """
    if program != 'detectron2':
        return config_path(DEFAULT_CONFIGS[program])
    weights = read_checkpoint(src)[0]
    backbone = 'r50'
    kernel = weights.get('backbone.bottom_up.res4.22.conv2.weight')
    if kernel is not None:
        in_groups = kernel.shape[0] != kernel.shape[1]
        backbone = 'x101' if in_groups else 'r101'
    refined = '_gcm' if any('.MHSA' in name for name in weights) else ''
    return config_path(
        f'keypoint_rcnn/keypoint-rcnn_{backbone}_fpn{refined}_detectron2_coco-800x1333.py'
    )
