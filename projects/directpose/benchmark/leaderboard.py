"""Published and measured results of COCO keypoint detectors."""

import contextlib
import os.path as osp
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import mmpose
import torch
import yaml
from mmengine.logging import MMLogger
from mmpose.registry import MODELS
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from ..datasets.metainfo import parse_metainfo, sigmas_of
from ..evaluation.average_precision import keypoint_ap
from ..utils.errors import InputError
from ..utils.io import read_json
from ..validation.results import read_results, read_truth
from .cases import load_config, scope_of

MMPOSE = osp.join(osp.dirname(mmpose.__file__), '.mim')
# By the folder of the config; what is left works on boxes that a detector gave.
KINDS = dict(
    directpose='one-stage',
    directpose_v2='one-stage',
    keypoint_rcnn='two-stage',
    rtmo='one-stage',
    yoloxpose='one-stage',
    edpose='one-stage',
    associative_embedding='bottom-up',
    cid='bottom-up',
    dekr='bottom-up',
)
COCO = dict(from_file='configs/_base_/datasets/coco.py')
# Where the table of a model's page says something else than the index, the page is shown.
MODEL_PAGES = {'rtmo-s_8xb32-600e_coco-640x640': {'AP': 0.677}}  # 0.673 in the index


@dataclass
class Row:
    """A model.

    Attributes:
        name: of its config.
        kind: one-stage, two-stage (boxes and keypoints by one network), bottom-up or top-down.
        source: whose number the published one is.
        config: path of its config, if there is one.
        data: what it was trained on.
        split: of COCO, that the published numbers refer to.
        size: of its input, HxW.
        published, measured: AP and the like, in [0, 1].
        measured_on: annotations and images of what was measured.
        parameters_m, gflops: millions, and billions of operations of its dense part.
        ms: of a prediction, measured here on an input of ms_size, HxW.
    """

    name: str
    kind: str = ''
    source: str = ''
    config: str | None = None
    data: str = ''
    split: str = ''
    size: str = ''
    published: dict = field(default_factory=dict)
    measured: dict = field(default_factory=dict)
    measured_on: str = ''
    parameters_m: float | None = None
    gflops: float | None = None
    ms: float | None = None
    ms_size: str = ''


def our_rows(root: str) -> list[Row]:
    """The models of COCO in our metafiles, with the papers' numbers."""
    return [
        Row(
            **describe(model, root),
            source='paper' if published else '',
            split=published.get('Dataset', '').removeprefix('COCO '),
            published=published.get('Metrics', {}),
        )
        for model in models_of(root)
        if model['Metadata']['Training Data'] == 'COCO'
        for published in model.get('Published', [{}])
    ]


def mmpose_rows() -> list[Row]:
    """All models of people with a result on COCO in the index of the installed mmpose."""
    rows = []
    for model in models_of(MMPOSE):
        if '/body' not in model['Config']:
            continue
        # RTMO's results on COCO are filed under CrowdPose.
        on_coco = [
            r for r in model['Results'] if r['Dataset'] == 'COCO' or '/coco/' in model['Config']
        ]
        for result in on_coco[:1]:
            page = MODEL_PAGES.get(model['Name'], {})
            source = f'mmpose {mmpose.__version__}' + ', model page' * bool(page)
            common = dict(source=source, split='val2017', published=result['Metrics'] | page)
            rows.append(Row(**describe(model, MMPOSE), **common))
    return rows


def models_of(root: str) -> Iterator[dict]:
    """The models of all metafiles that ``model-index.yml`` of a folder names.

    Raises:
        InputError: there is no such index.
    """
    for metafile in read_yaml(osp.join(root, 'model-index.yml'))['Import']:
        yield from read_yaml(osp.join(root, metafile))['Models']


def read_yaml(path: str) -> dict:
    """The content of a YAML file.

    Raises:
        InputError: it cannot be read.
    """
    try:
        with open(path, encoding='utf-8') as file:
            return yaml.safe_load(file)
    except (OSError, yaml.YAMLError) as error:
        raise InputError(f'cannot read {path} ({error}); is the package whole?') from error


def describe(model: dict, root: str) -> dict:
    """What a metafile tells of a model."""
    path, folder = osp.join(root, model['Config']), model['Config'].split('/')
    kind = next((KINDS[part] for part in folder if part in KINDS), 'top-down')
    data = model['Metadata'].get('Training Data', '')
    data = data if isinstance(data, str) else 'COCO and others'
    if '/coco/' in model['Config'] and data == 'CrowdPose':  # RTMO
        data = 'COCO'
    return dict(
        name=model['Name'],
        kind=kind,
        config=path if osp.exists(path) else None,
        data=data,
        size=input_size(model['Name']),
    )


def input_size(name: str) -> str:
    """HxW of a model's input, from the name of its config."""
    sizes = re.findall(r'(\d{3,4})x(\d{3,4})', name)
    if sizes:
        return 'x'.join(sizes[-1])
    single = re.search(r'-(\d{3,4})$', name)
    return f'{single[1]}x{single[1]}' if single else ''


def count_cost(row: Row) -> None:
    """Fill in parameters and FLOPs, where the installed packages can build the model.

    The model is built and run without numbers, on torch's meta device. Counted is its dense part,
    mode ``tensor``: not what happens at the candidates only, nor the training-only branch. Two
    operations are a multiplication and an addition. Operators of mmcv are unknown to the counter,
    so a model that has them gets no FLOPs.
    """
    MMLogger.get_instance('leaderboard', log_level='ERROR')
    try:
        cfg = load_config(row.config, person_only=True)
        with scope_of(cfg):
            model = build_meta(cfg.model)
    except (InputError, KeyError, ImportError, RuntimeError, TypeError):  # wants other packages
        return
    weights = model.named_parameters()
    row.parameters_m = sum(p.numel() for n, p in weights if 'heatmap_head.' not in n) / 1e6
    if cfg.get('tta_model'):  # several passes, of several sizes
        return
    height, width = map(int, row.size.split('x'))
    with contextlib.suppress(NotImplementedError, RuntimeError, TypeError), torch.no_grad():
        inputs = torch.empty(1, 3, height, width, device='meta')
        with FlopCounterMode(display=False) as counter:
            model(inputs, None, mode='tensor')
        row.gflops = counter.get_total_flops() / 1e9


def build_meta(cfg: dict) -> nn.Module:
    """A model without numbers; some can only be built with them."""
    try:
        with torch.device('meta'):
            return MODELS.build(cfg).eval()
    except RuntimeError:
        return MODELS.build(cfg).eval().to('meta')


def add_measured(rows: list[Row], name: str, results: str, ann_file: str) -> None:
    """Enter AP and the like, in the row of the model of that name or in a new one."""
    skeleton, truth = parse_metainfo(COCO), read_truth(ann_file)
    entries = read_results(results, truth, ann_file, skeleton['num_keypoints'])
    metrics = keypoint_ap(entries, truth, sigmas_of(skeleton))
    found, images = len({entry['image_id'] for entry in entries}), len(truth['images'])
    named = [row for row in rows if row.name == name]
    if not named:
        named = [Row(name)]
        rows += named
    named[0].measured = metrics
    named[0].measured_on = f'{osp.basename(ann_file)}, {found} of {images} images with results'


def add_latencies(rows: list[Row], path: str) -> dict:
    """Enter the latencies of a run of ``tools/benchmark.py``; returns its header.

    Of several measurements of a model the first size and number of candidates of the run count,
    for single images, in the fastest form of the model.

    Raises:
        InputError: the file is of something else.
    """
    content = read_json(path)
    try:
        header, measured = content['header'], dict[str, dict]()
        if header['mode'] != 'prediction':
            raise InputError(f'{path} has the times of {header["mode"]}s, not of predictions')
        for timed in (row for row in content['rows'] if row['batch'] == 1):
            first = measured.setdefault(timed['config'], timed)
            same = all(timed[k] == first[k] for k in ('size', 'candidates'))
            if same and timed['median_ms'] < first['median_ms']:
                measured[timed['config']] = timed
    except (KeyError, TypeError) as error:
        raise InputError(f'{path} was not written by tools/benchmark.py of this version') from error
    for row in rows:
        if row.name in measured:
            row.ms, row.ms_size = measured[row.name]['median_ms'], measured[row.name]['size']
    return header
