"""Latency, memory, parameters and FLOPs of detectors, side by side in one run.

    python tools/benchmark.py CONFIG [CHECKPOINT] [--vs CONFIG …] [--batch N …] [--size own HxW …]
    python tools/benchmark.py CONFIG --train --size 512x512 --batch 2

CONFIG is the file of a one-stage detector's config, or mmpose::PATH or mmdet::PATH. The models take
turns, so that a busy machine troubles all of them alike. Without a checkpoint the weights are
random; batch normalisation is calibrated on the input, and each model's score threshold is set so
that all keep the same number of candidates. A detector of COCO's 80 classes is made one of people.
What DirectPose computes at its candidates only counts as decoding.
"""

import argparse
import contextlib
import datetime
import itertools
import os
import platform
import re
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import cv2
import mmengine
import numpy as np
import torch
from directpose.checks import check_checkpoint, check_work_dir, read_checkpoint
from directpose.errors import InputError, exit_on_input_error
from directpose.inference import default_device, write_json
from directpose.models import DirectPoseHead
from directpose.optimize import optimize_for_inference
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmengine.hub import get_config
from mmengine.logging import MMLogger
from mmengine.registry import MODELS, DefaultScope
from mmengine.structures import InstanceData
from torch import nn
from torch.utils.flop_counter import FlopCounterMode
from tqdm import tqdm

IMAGE_SHAPE = (480, 640)  # of the picture that each model gets through its own pipeline


class Entry(NamedTuple):
    """A model that takes part.

    Attributes:
        label: its name in the table.
        model: ready to run on the device.
        cfg: its config.
    """

    label: str
    model: nn.Module
    cfg: Config


class Case(NamedTuple):
    """A model with an input: one row of the table.

    Attributes:
        entry: the model.
        data: ``inputs`` (B, 3, H, W) and ``data_samples``.
        size: ``HxW`` of the network input.
        batch: B.
        candidates: of each image, that reach the suppression at ``score_thr``.
        people: labelled in each training image.
        finest: level from which on there are candidates.
    """

    entry: Entry
    data: dict
    size: str
    batch: int
    candidates: int
    score_thr: float
    people: int | None
    finest: int


def parse_args(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config', help='config of the first model, to which ratios refer')
    parser.add_argument('checkpoint', nargs='?', help='its weights; random ones by default')
    parser.add_argument('--vs', nargs='+', default=[], help='configs of the other models')
    parser.add_argument(
        '--forms',
        nargs='+',
        choices=('optimized', 'plain'),
        default=['optimized'],
        help='with fused batch normalisation and channels last, or as they are',
    )
    parser.add_argument('--device', default=default_device(), help='for example cpu or cuda:0')
    parser.add_argument('--amp', action='store_true', help='bfloat16 on a CPU, float16 on a GPU')
    parser.add_argument('--compile', action='store_true', help='torch.compile every model')
    parser.add_argument('--batch', type=int, nargs='+', default=[1], help='images at once')
    parser.add_argument(
        '--size', nargs='+', default=['own'], help="own: by the model's pipeline; or HxW"
    )
    parser.add_argument(
        '--candidates', type=int, nargs='+', default=[300], help='kept for the suppression'
    )
    parser.add_argument('--train', action='store_true', help='training steps, not predictions')
    parser.add_argument(
        '--people', type=int, nargs='+', default=[30], help='labelled in each training image'
    )
    parser.add_argument(
        '--finest',
        type=int,
        nargs='+',
        default=[0],
        help='level from which on DirectPose has candidates; 2: as in an image of large people',
    )
    parser.add_argument('--runs', type=int, default=20, help='timed calls of each model')
    parser.add_argument('--warmup', type=int, default=3, help='calls before them')
    parser.add_argument('--out', help='write the numbers to this JSON file')
    return parser.parse_args(argv)


# ---------------------------------------------------------------------- models


def load_config(name: str, person_only: bool) -> Config:
    """A config by path or ``package::`` name, without pretrained weights.

    Raises:
        InputError: there is none.
    """
    try:
        cfg = get_config(name) if '::' in name else Config.fromfile(name)
    except (OSError, ValueError, AssertionError, KeyError, ImportError) as error:
        raise InputError(
            f'cannot load the config {name} ({error}); give a file, mmpose::PATH or mmdet::PATH'
        ) from error
    drop_pretrained(cfg.model)
    head = cfg.model.get('bbox_head', {})
    if person_only and head.get('num_classes') == 80:
        head.num_classes = 1
    return cfg


def drop_pretrained(cfg: dict) -> None:
    """Remove what would download weights, however deep it lies."""
    for key, value in cfg.items():
        if isinstance(value, dict):
            drop_pretrained(value)
            if key == 'init_cfg' and value.get('type') == 'Pretrained':
                cfg[key] = None


def build(name: str, checkpoint: str | None, args: argparse.Namespace, form: str) -> Entry:
    """A model on the device, with the weights of a checkpoint or seeded random ones.

    Raises:
        InputError: it is no one-stage detector.
    """
    cfg = load_config(name, person_only=not checkpoint)
    torch.manual_seed(0)
    MMLogger.get_instance('benchmark', log_level='ERROR')  # else each weight's origin is told
    with scope_of(cfg):
        model = MODELS.build(cfg.model)
        if not checkpoint:
            model.init_weights()
    if checkpoint:
        check_checkpoint(checkpoint, model)
        model.load_state_dict(read_checkpoint(checkpoint)[0], strict=False)
    if not hasattr(model, 'extract_feat') or not hasattr(head_of(model), 'predict'):
        raise InputError(f'{name} is no one-stage detector of mmdet or mmpose: it has no such head')
    model.to(args.device).train(args.train)
    entry = Entry(name, model, cfg)
    if not args.train:
        if not checkpoint:
            calibrate_batch_norm(model, make_input(entry, args.size[0], 1)['inputs'])
        if form == 'optimized':
            optimize_for_inference(model)
        else:
            entry = entry._replace(label=f'{name} (plain)')
    return entry._replace(model=torch.compile(model)) if args.compile else entry


def shorten(labels: list[str]) -> list[str]:
    """Labels without folders, schedules and datasets, if they still differ."""
    long = r'^.*/|(_\d+x(b\d+)?[-_][^ ]*|_coco[^ ]*|\.py)(?= |$)'
    short = [re.sub(long, '', label) for label in labels]
    return short if len(set(short)) == len(set(labels)) else labels


def scope_of(cfg: Config):
    """Context in which the types of the config are found."""
    return DefaultScope.overwrite_default_scope(cfg.get('default_scope', 'mmpose'))


def calibrate_batch_norm(model: nn.Module, inputs: torch.Tensor) -> None:
    """Take the statistics of the input, without which random weights give numbers of any size."""
    norms = [m for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    for norm in norms:
        norm.train()
        norm.momentum = 1.0
    with torch.no_grad():
        head_of(model)(model.extract_feat(inputs))
    for norm in norms:
        norm.eval()


def head_of(model: nn.Module) -> nn.Module:
    """The head, by mmdet's or mmpose's name."""
    return model.bbox_head if hasattr(model, 'bbox_head') else getattr(model, 'head', None)


def test_options(model: nn.Module) -> dict:
    """Where the score threshold and the suppression of the model are set."""
    return model.bbox_head.test_cfg if hasattr(model, 'bbox_head') else model.test_cfg


# ---------------------------------------------------------------------- inputs


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
        keypoints = entry.cfg.model.get('bbox_head', {}).get('num_keypoints', 17)
        add_people(packed['data_samples'], people, keypoints)
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
    match = re.fullmatch(r'(\d+)x(\d+)', size)
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


@contextlib.contextmanager
def candidates_from(model: nn.Module, finest: int) -> Iterator[None]:
    """No candidate on the levels below ``finest`` in a DirectPose; other heads stay as they are."""

    def lower_scores(head, inputs, outs):
        for score in outs['cls_scores'][:finest]:
            score.fill_(-20.0)

    if finest and isinstance(head_of(model), DirectPoseHead):
        hook = head_of(model).register_forward_hook(lower_scores)
        try:
            yield
        finally:
            hook.remove()
    else:
        yield


@torch.no_grad()
def find_threshold(model: nn.Module, data: dict, wanted: int) -> tuple[int, float]:
    """The score threshold at which ``wanted`` candidates of an image reach the suppression.

    Returns:
        How many really do (an image has not more points, and levels may keep a limited number),
        and the threshold.
    """
    head, options = head_of(model), test_options(model)
    feats = model.extract_feat(data['inputs'][:1])
    outs, kept = head(feats), dict(options)
    arguments = {} if hasattr(model, 'bbox_head') else dict(test_cfg=options)
    # Without suppression and limit, the candidates come out. RTMOHead cannot do without.
    iou = 1 - 1e-6
    unlimited = dict(iou_thr=iou, nms_thr=iou, max_per_img=10**6)
    unlimited['nms'] = dict(type='nms', iou_threshold=iou)
    options.update({key: value for key, value in unlimited.items() if key in options})
    head.forward = lambda *_: outs

    def count(threshold: float) -> int:
        options['score_thr'] = threshold
        try:
            return len(head.predict(feats, data['data_samples'][:1], **arguments)[0].bboxes)
        except UnboundLocalError:  # of mmpose's RTMOHead, where it finds nobody
            return 0

    low, high = 0.0, 1.0
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (middle, high) if count(middle) > wanted else (low, middle)
    found = count(high)
    del head.forward
    options.update(kept)
    return found, high


# ---------------------------------------------------------------------- measuring


class Device:
    """Where the models run, in which precision, and what time it is there."""

    def __init__(self, name: str, amp: bool) -> None:
        self.name = name
        self.amp = amp
        self.on_gpu = name.startswith('cuda')
        if self.on_gpu:
            torch.cuda.set_device(name)

    def precision(self) -> torch.autocast:
        """Context of a forward pass; a new one each time casts the weights anew, as in use."""
        dtype = torch.float16 if self.on_gpu else torch.bfloat16
        return torch.autocast(self.name.split(':')[0], dtype, enabled=self.amp)

    def now(self):
        """A point of time; on a GPU it is taken where the work is done."""
        if not self.on_gpu:
            return time.perf_counter()
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event

    def milliseconds(self, start, end) -> float:
        """Between two points of time; waits for the device."""
        if not self.on_gpu:
            return 1000 * (end - start)
        torch.cuda.synchronize()
        return start.elapsed_time(end)


@contextlib.contextmanager
def watch(modules: list[nn.Module], device: Device) -> Iterator[list[tuple]]:
    """Collect (start, end) of every call of the modules."""
    calls, started, handles = [], [], []
    for module in modules:
        handles.append(module.register_forward_pre_hook(lambda *_: started.append(device.now())))
        handles.append(
            module.register_forward_hook(lambda *_: calls.append((started.pop(), device.now())))
        )
    try:
        yield calls
    finally:
        for handle in handles:
            handle.remove()


def predict(case: Case, device: Device) -> float:
    """Milliseconds of a prediction."""
    model = case.entry.model
    test_options(model)['score_thr'] = case.score_thr
    with candidates_from(model, case.finest), device.precision():
        start = device.now()
        model(**case.data, mode='predict')
        return device.milliseconds(start, device.now())


def time_prediction(case: Case, device: Device) -> dict[str, float]:
    """Milliseconds of a prediction, and of the parts of another one that is watched.

    The layers of the head are all its modules without children. What else happens in the head and
    after it is decoding, suppression and packing; with it counts what KPAlign does at the
    candidates only. A compiled model has no parts.
    """
    total, model = predict(case, device), case.entry.model
    if hasattr(model, '_orig_mod'):
        return dict(total=total)
    features = [m for m in (model.backbone, getattr(model, 'neck', None)) if m is not None]
    layers = [m for m in head_of(model).modules() if not list(m.children())]
    with watch(features, device) as feature_calls, watch(layers, device) as layer_calls:
        watched = predict(case, device)
    parts = dict(
        backbone_neck=sum(device.milliseconds(*call) for call in feature_calls),
        head_layers=sum(device.milliseconds(*call) for call in layer_calls),
    )
    return dict(total=total, **parts, decode_nms=watched - sum(parts.values()))


def time_training_step(case: Case, device: Device) -> dict[str, float]:
    """Milliseconds of one step of SGD and of its parts."""
    model = case.entry.model
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(parameters, lr=1e-9)
    start = device.now()
    with device.precision():
        losses = model(**case.data, mode='loss')
    loss, _ = model.parse_losses(losses)
    forward = device.now()
    loss.backward()
    backward = device.now()
    optimizer.step()
    end = device.now()
    optimizer.zero_grad(set_to_none=True)
    return dict(
        total=device.milliseconds(start, end),
        forward=device.milliseconds(start, forward),
        backward=device.milliseconds(forward, backward),
    )


def peak_memory(call: Callable, device: Device) -> float:
    """Most memory that tensors take during a call beyond what they take before it, in MiB."""
    if device.on_gpu:
        torch.cuda.synchronize()
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        call()
        torch.cuda.synchronize()
        return (torch.cuda.max_memory_allocated() - before) / 2**20
    activities = [torch.profiler.ProfilerActivity.CPU]
    with torch.profiler.profile(activities=activities, profile_memory=True) as profile:
        call()
    events = [e for e in profile.profiler.kineto_results.events() if e.name() == '[memory]']
    events.sort(key=lambda e: e.start_ns())
    return max(itertools.accumulate(e.nbytes() for e in events), default=0) / 2**20


def count_flops(call: Callable) -> float:
    """Billions of floating-point operations of convolutions and matrix products in a call."""
    with FlopCounterMode(display=False) as counter:
        call()
    return counter.get_total_flops() / 1e9


def measure(cases: list[Case], device: Device, args: argparse.Namespace) -> list[dict]:
    """One row of numbers for each case, the cases taking turns."""
    step = time_training_step if args.train else time_prediction
    call = time_training_step if args.train else predict
    samples = [[] for _ in cases]
    with torch.set_grad_enabled(args.train):
        for number in tqdm(range(args.warmup + args.runs), 'rounds'):
            for case, times in zip(cases, samples, strict=True):
                found = step(case, device)
                if number >= args.warmup:
                    times.append(found)
        extras = [
            dict(
                peak_mib=peak_memory(lambda case=case: call(case, device), device),
                gflops=count_flops(lambda case=case: call(case, device)),
            )
            for case in tqdm(cases, 'memory and FLOPs')
        ]
    return [
        summarize(case, times) | extra
        for case, times, extra in zip(cases, samples, extras, strict=True)
    ]


def summarize(case: Case, times: list[dict]) -> dict:
    """Median, 10th and 90th percentile, and medians of the parts, in milliseconds."""
    totals = [t['total'] for t in times]
    low, high = np.percentile(totals, (10, 90))
    median = statistics.median(totals)
    weights = case.entry.model.named_parameters()
    # A branch of the training only does not count as a part of what predicts.
    trained = case.people is not None
    parameters = sum(p.numel() for n, p in weights if trained or 'heatmap_head.' not in n)
    return dict(
        model=case.entry.label,
        size=case.size,
        batch=case.batch,
        candidates=case.candidates,
        people=case.people,
        finest=case.finest,
        median_ms=median,
        p10_ms=float(low),
        p90_ms=float(high),
        images_per_s=1000 * case.batch / median,
        parameters_m=parameters / 1e6,
        parts_ms={
            part: statistics.median(t[part] for t in times) for part in times[0] if part != 'total'
        },
    )


# ---------------------------------------------------------------------- output


def header(args: argparse.Namespace) -> dict:
    """What the numbers depend on."""
    processor = platform.processor() or platform.machine()
    with contextlib.suppress(OSError), open('/proc/cpuinfo', encoding='utf-8') as file:
        processor = re.search(r'model name\s*:\s*(.*)', file.read())[1]
    on_gpu = args.device.startswith('cuda')
    folder = os.path.dirname(os.path.abspath(__file__))
    commit = subprocess.run(
        ['git', '-C', folder, 'describe', '--always', '--dirty'], capture_output=True, text=True
    )
    return dict(
        hardware=torch.cuda.get_device_name() if on_gpu else processor,
        threads=torch.get_num_threads(),
        torch=torch.__version__,
        mmengine=mmengine.__version__,
        commit=commit.stdout.strip() or None,
        date=datetime.date.today().isoformat(),
        precision='AMP' if args.amp else 'float32',
        compiled=args.compile,
        weights=f'{args.checkpoint}; others random' if args.checkpoint else 'random',
        runs=args.runs,
        mode='training step' if args.train else 'prediction',
    )


def table(rows: list[dict], train: bool) -> str:
    """The rows as Markdown; ratios refer to the first model under the same conditions."""
    conditions = ['size', 'batch', 'people' if train else 'candidates']
    conditions += ['finest'] * any(row['finest'] for row in rows)
    names = dict(
        backbone_neck='backbone + neck', head_layers='head layers', decode_nms='decode + NMS'
    )
    parts = list(max((row['parts_ms'] for row in rows), key=len))
    titles = ['model', *conditions, 'ms (p10 to p90)', 'ratio']
    titles += [names.get(part, part) for part in parts]
    titles += ['images/s', 'peak MiB', 'M params', 'GFLOPs']
    lines = [titles, ['---'] * len(titles)]
    # The models take turns under the same conditions.
    num_models = len({row['model'] for row in rows})
    for number, row in enumerate(rows):
        first = rows[number - number % num_models]
        cells = [row['model'], *(str(row[condition]) for condition in conditions)]
        cells.append(f'{row["median_ms"]:.1f} ({row["p10_ms"]:.1f} to {row["p90_ms"]:.1f})')
        cells.append(f'{row["median_ms"] / first["median_ms"]:.2f}')
        cells += [f'{row["parts_ms"][p]:.1f}' if p in row['parts_ms'] else '' for p in parts]
        cells += [f'{row["images_per_s"]:.2f}', f'{row["peak_mib"]:.0f}']
        cells += [f'{row["parameters_m"]:.1f}', f'{row["gflops"]:.1f}']
        lines.append(cells)
    return '\n'.join('| ' + ' | '.join(cells) + ' |' for cells in lines)


def make_cases(args: argparse.Namespace, device: Device) -> Iterator[Case]:
    """Each model in each form, at each size, batch and number of candidates or people."""
    models = [(args.config, args.checkpoint), *((name, None) for name in args.vs)]
    forms = ['plain'] if args.train else args.forms
    entries = [build(*model, args, form) for model in models for form in forms]
    labels = shorten([entry.label for entry in entries])
    entries = [e._replace(label=label) for e, label in zip(entries, labels, strict=True)]
    numbers = args.people if args.train else args.candidates
    levels = [0] if args.train else args.finest
    for size, batch, number, finest in itertools.product(args.size, args.batch, numbers, levels):
        for entry in entries:
            people = number if args.train else None
            data = make_input(entry, size, batch, people)
            shape = 'x'.join(map(str, data['inputs'].shape[-2:]))
            with candidates_from(entry.model, finest), device.precision():
                found = (0, 0.0) if args.train else find_threshold(entry.model, data, number)
            yield Case(entry, data, shape, batch, *found, people, finest)


@exit_on_input_error
def main(argv=None):
    args = parse_args(argv)
    if args.out:
        check_work_dir(os.path.dirname(os.path.abspath(args.out)), '--out')
    device = Device(args.device, args.amp)
    rows = measure(list(make_cases(args, device)), device, args)
    facts = header(args)
    print(', '.join(f'{name} {value}' for name, value in facts.items()), end='\n\n')
    print(table(rows, args.train))
    if args.out:
        write_json(dict(header=facts, rows=rows), args.out)


if __name__ == '__main__':
    main()
