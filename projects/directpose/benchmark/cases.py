"""Models and inputs of a benchmark."""

import importlib.util
import os
import re
import tempfile
from typing import NamedTuple

import cv2
import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmengine.hub import get_config
from mmengine.logging import MMLogger
from mmengine.registry import MODELS, DefaultScope
from mmengine.structures import InstanceData
from torch import nn

from ..datasets.metainfo import parse_metainfo
from ..deploy.fast_form import optimize_for_inference
from ..models import DirectPose
from ..utils.config import config_error_context, read_config
from ..utils.errors import InputError
from ..weights.checkpoint import check_checkpoint, read_checkpoint
from ..weights.zoo import local_weights
from .detectors import detector_of
from .onnx_form import ONNX_FORMS, OnnxForm

# How a model makes its predictions
FORMS = ('optimized', 'plain', 'half', *ONNX_FORMS)
IMAGE_SHAPE = (480, 640)  # of the picture that each model gets through its own pipeline


class Entry(NamedTuple):
    """A model that takes part.

    Attributes:
        label: its name in the table.
        model: ready to run on the device.
        cfg: its config.
        half: it is in half precision.
    """

    label: str
    model: nn.Module
    cfg: Config
    half: bool = False


class Case(NamedTuple):
    """A model with an input: one row of the table.

    Attributes:
        entry: the model.
        data: ``inputs`` (B, 3, H, W) and ``data_samples``.
        size: ``HxW`` of the network input.
        batch: B.
        candidates: of each image, that reach the suppression.
        score_thr: the score threshold at which they are so many.
        people: labelled in each training image.
    """

    entry: Entry
    data: dict
    size: str
    batch: int
    candidates: int
    score_thr: float
    people: int | None


def named_config(name: str) -> Config:
    """A config by ``package::`` name.

    Raises:
        InputError: there is none.
    """
    try:
        return get_config(name)
    except (OSError, ValueError, AssertionError, KeyError, ImportError) as error:
        raise InputError(
            f'cannot load the config {name} ({error}); give a file, mmpose::PATH or mmdet::PATH'
        ) from error


def load_config(name: str, person_only: bool) -> Config:
    """A config by path or ``package::`` name, without pretrained weights.

    Raises:
        InputError: there is none.
    """
    cfg = named_config(name) if '::' in name else read_config(name)
    drop_pretrained(cfg.model)
    for part in (cfg.model, cfg.model.get('roi_head', {})):
        head = part.get('bbox_head')
        if person_only and isinstance(head, dict) and head.get('num_classes') == 80:
            head.num_classes = 1
    return cfg


def drop_pretrained(cfg: dict) -> None:
    """Remove what would download weights, however deep it lies."""
    for key, value in cfg.items():
        if isinstance(value, dict):
            drop_pretrained(value)
            if key == 'init_cfg' and value.get('type') == 'Pretrained':
                cfg[key] = None


def build(
    name: str, checkpoint: str | None, device: str, form: str, size: str, compiled: bool
) -> Entry:
    """A model on the device, with the weights of a checkpoint or seeded random ones.

    Args:
        name, checkpoint: config and weights.
        device: where to put it.
        form: ``'train'``, or for predictions one of ``FORMS``.
        size: of an input on which batch normalisation of random weights is calibrated.
        compiled: by ``torch.compile``; not what is exported.

    Raises:
        InputError: it is no detector, or not to be exported.
    """
    cfg = load_config(name, person_only=not checkpoint)
    MMLogger.get_instance('benchmark', log_level='ERROR')  # else each weight's origin is told
    with config_error_context(f'{name}: model'), scope_of(cfg):
        torch.manual_seed(0)
        model = MODELS.build(cfg.model)
        if not checkpoint:
            # Again, so that the parts that models have in common are alike: the proposals of
            # random weights decide on the cost of a second stage.
            torch.manual_seed(0)
            model.init_weights()
    if checkpoint:
        checkpoint = local_weights(checkpoint)
        check_checkpoint(checkpoint, model)
        model.load_state_dict(read_checkpoint(checkpoint)[0], strict=False)
    if detector_of(model) is None:
        raise InputError(f'{name} is no detector of mmdet or mmpose with scores and a suppression')
    model.to(device).train(form == 'train')
    entry = Entry(name, model, cfg)
    if form != 'train' and not checkpoint:
        calibrate_batch_norm(model, make_input(entry, size, 1))
    if form not in ('train', 'optimized'):
        entry = entry._replace(label=f'{name} ({form})')
    if form in ONNX_FORMS:
        return entry._replace(model=exported_form(model, form, name, device))
    if form in ('optimized', 'half'):
        entry = entry._replace(half=form == 'half')
        optimize_for_inference(model, entry.half)
    return entry._replace(model=torch.compile(model)) if compiled else entry


def exported_form(model: nn.Module, form: str, name: str, device: str) -> OnnxForm:
    """The model as onnxruntime or OpenVINO runs it.

    Raises:
        InputError: it is no DirectPose, it is not on the CPU, or the engine is not installed.
    """
    if not isinstance(model, DirectPose) or device != 'cpu':
        raise InputError(
            f'--forms {form} runs a DirectPose with --device cpu, not {name} on {device}'
        )
    engine = ONNX_FORMS[form][0]
    if importlib.util.find_spec(engine) is None:
        raise InputError(f'--forms {form} needs a package: pip install {engine}')
    return OnnxForm(model, form)


def shorten(labels: list[str]) -> list[str]:
    """Labels without folders, schedules and datasets, if they still differ."""
    long = r'^.*/|(_\d+x(b\d+)?[-_][^ ]*|_coco[^ ]*|\.py)(?= |$)'
    short = [re.sub(long, '', label) for label in labels]
    return short if len(set(short)) == len(set(labels)) else labels


def scope_of(cfg: Config):
    """Context in which the types of the config are found."""
    return DefaultScope.overwrite_default_scope(cfg.get('default_scope', 'mmpose'))


def calibrate_batch_norm(model: nn.Module, data: dict) -> None:
    """Take the statistics of the input, without which random weights give numbers of any size."""
    norms = [m for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    for norm in norms:
        norm.train()
        norm.momentum = 1.0
    with torch.no_grad():
        detector_of(model).run_layers(data)
    for norm in norms:
        norm.eval()


def make_input(entry: Entry, size: str, batch: int, people: int | None = None) -> dict:
    """A batch of the same picture of noise, as the model's pipeline or ``size`` make it."""
    cfg, noise = entry.cfg, np.random.default_rng(0).integers(0, 256, (*IMAGE_SHAPE, 3))
    steps = [s for s in cfg.test_dataloader.dataset.pipeline if 'LoadAnnotations' not in s['type']]
    with tempfile.TemporaryDirectory() as folder, scope_of(cfg):
        path = os.path.join(folder, 'noise.png')
        cv2.imwrite(path, noise.astype(np.uint8))
        packed = Compose(steps)(dict(img_path=path, img_id=0, id=[0]))
    if size != 'own':
        set_size(packed, *parse_size(size))
    if people is not None:
        metainfo = entry.cfg.model.get('metainfo')
        count = parse_metainfo(metainfo)['num_keypoints'] if metainfo else 17
        add_people(packed['data_samples'], people, count)
    return entry.model.data_preprocessor(pseudo_collate([packed] * batch), False)


def set_size(packed: dict, height: int, width: int) -> None:
    """Replace a packed image by one of that size that comes as it is."""
    generator = torch.Generator().manual_seed(0)
    shape = (3, height, width)
    packed['inputs'] = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
    packed['data_samples'].set_metainfo(
        dict(
            img_shape=(height, width),
            ori_shape=(height, width),
            scale_factor=(1.0, 1.0),
            input_size=(width, height),
            input_center=np.array([width / 2, height / 2]),
            input_scale=np.array([width, height], dtype=float),
        )
    )


def parse_size(size: str) -> tuple[int, int]:
    """(height, width) of ``HxW``.

    Raises:
        InputError: it is something else.
    """
    match = re.fullmatch(r'([1-9]\d*)x([1-9]\d*)', size)
    if match is None:
        raise InputError(f'--size {size}: give own, or height and width such as 800x1216')
    return int(match[1]), int(match[2])


def add_people(sample, count: int, num_keypoints: int) -> None:
    """Labels of people of all sizes, where mmdet's and mmpose's heads look for them."""
    height, width = shape = sample.img_shape
    torch.manual_seed(0)
    sides = torch.exp(torch.empty(count).uniform_(np.log(16), np.log(0.8 * min(shape))))
    middles = torch.rand(count, 2) * torch.tensor([width, height])
    half = torch.stack([0.25 * sides, 0.5 * sides], 1)
    limit = torch.tensor([width, height, width, height])
    boxes = torch.cat([middles - half, middles + half], 1).clamp(min=0).minimum(limit)
    corners = boxes.view(-1, 2, 2)
    keypoints = corners[:, :1] + torch.rand(count, num_keypoints, 2) * (
        corners[:, 1:] - corners[:, :1]
    )
    labels = torch.zeros(count, dtype=torch.long)
    sample.gt_instances = InstanceData(bboxes=boxes, labels=labels)
    sample.gt_instance_labels = InstanceData(
        bboxes=boxes,
        labels=labels,
        keypoints=keypoints,
        keypoints_visible=torch.ones(count, num_keypoints),
        keypoints_visible_weights=torch.ones(count, num_keypoints),
        areas=sides**2 / 4,
    )
