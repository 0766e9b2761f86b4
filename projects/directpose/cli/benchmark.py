"""Latency, memory, parameters and FLOPs of detectors, side by side in one run.

    directpose benchmark CONFIG [CHECKPOINT] [--vs CONFIG …] [--batch N …] [--size own HxW …]
    directpose benchmark CONFIG --train --size 512x512 --batch 2

CONFIG is the file of a detector's config, of one stage or two, or mmpose::PATH or mmdet::PATH. The
models take turns, so that a busy machine troubles all of them alike. Without a checkpoint the
weights are random; batch normalisation is calibrated on the input, and each model's score threshold
is set so that all keep the same number of candidates for NMS; what it leaves are the
detections. A detector of COCO's 80 classes is made one of people. What DirectPose computes at its
candidates only counts as decoding.
"""

import argparse
import contextlib
import datetime
import functools
import itertools
import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterator

import mmengine
import torch

from ..apis.inference import check_device, default_device
from ..benchmark.cases import (
    FORMS,
    Case,
    build,
    make_input,
    shorten,
)
from ..benchmark.detectors import find_threshold
from ..benchmark.measure import Device, measure
from ..utils.cli import not_negative, positive
from ..utils.errors import InputError, exit_on_input_error
from ..utils.io import write_json
from ..validation.config import ensure_writable_file
from ..weights.zoo import split_name


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
        choices=FORMS,
        default=['optimized'],
        help='the fast form, as they are, the fast form in half precision, or exported and run by '
        'onnxruntime or OpenVINO (%(choices)s)',
    )
    parser.add_argument('--device', default=default_device(), help='for example cpu or cuda:0')
    parser.add_argument(
        '--amp',
        nargs='?',
        const='default',
        choices=('default', 'float16', 'bfloat16'),
        help='under autocast; by default bfloat16 on a CPU, float16 on a GPU',
    )
    parser.add_argument('--compile', action='store_true', help='torch.compile every model')
    parser.add_argument('--batch', type=positive, nargs='+', default=[1], help='images at once')
    parser.add_argument(
        '--size', nargs='+', default=['own'], help="own: by the model's pipeline; or HxW"
    )
    parser.add_argument(
        '--candidates', type=positive, nargs='+', default=[300], help='kept for NMS'
    )
    parser.add_argument('--train', action='store_true', help='training steps, not predictions')
    parser.add_argument(
        '--people',
        type=not_negative,
        nargs='+',
        default=[30],
        help='labelled in each training image',
    )
    parser.add_argument('--runs', type=positive, default=20, help='timed calls of each model')
    parser.add_argument('--warmup', type=not_negative, default=3, help='calls before them')
    parser.add_argument('--out', help='write the numbers to this JSON file')
    return parser.parse_args(split_name(sys.argv[1:] if argv is None else argv))


def header(args: argparse.Namespace, precision: str) -> dict:
    """What the numbers depend on."""
    processor = platform.processor() or platform.machine()
    with contextlib.suppress(OSError), open('/proc/cpuinfo', encoding='utf-8') as file:
        named = re.search(r'model name\s*:\s*(.*)', file.read())
        processor = named[1] if named else processor  # ARM has no such line
    on_gpu = args.device.startswith('cuda')
    folder, name = os.path.split(os.path.abspath(__file__))
    commit = ''
    with contextlib.suppress(OSError):  # no git
        git = functools.partial(subprocess.run, capture_output=True, text=True, cwd=folder)
        # An environment may lie in a repository of something else.
        if git(['git', 'ls-files', '--error-unmatch', name]).returncode == 0:
            commit = git(['git', 'describe', '--always', '--dirty']).stdout.strip()
    return dict(
        hardware=torch.cuda.get_device_name() if on_gpu else processor,
        threads=torch.get_num_threads(),
        torch=torch.__version__,
        mmengine=mmengine.__version__,
        commit=commit or None,
        date=datetime.date.today().isoformat(),
        precision=precision,
        compiled=args.compile,
        weights=f'{args.checkpoint}; others random' if args.checkpoint else 'random',
        runs=args.runs,
        mode='training step' if args.train else 'prediction',
    )


def table(rows: list[dict], train: bool) -> str:
    """The rows as Markdown; ratios refer to the first model under the same conditions."""
    conditions = ['size', 'batch', 'people' if train else 'candidates']
    names = dict(
        backbone_neck='backbone + neck',
        head_layers='head layers',
        rpn_layers='RPN layers',
        roi_features='RoI features',
        bbox_head='box head',
        mask_head='mask head',
        keypoint_head='keypoint head',
        decode_nms='decode + NMS',
    )
    measured = {part for row in rows for part in row['parts_ms']}
    parts = [name for name in (*names, 'forward', 'backward') if name in measured]
    conditions += [] if train else ['detections']
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
        cells += [f'{row["images_per_s"]:.2f}', format_cell(row, 'peak_mib', 0)]
        cells += [f'{row["parameters_m"]:.1f}', format_cell(row, 'gflops', 1)]
        lines.append(cells)
    return '\n'.join('| ' + ' | '.join(cells) + ' |' for cells in lines)


def format_cell(row: dict, name: str, digits: int) -> str:
    """A number of a row, or a dash where it was not measured."""
    return f'{row[name]:.{digits}f}' if name in row else '–'


def make_cases(args: argparse.Namespace, device: Device) -> Iterator[Case]:
    """Each model in each form, at each size, batch and number of candidates or people."""
    models = [(args.config, args.checkpoint), *((name, None) for name in args.vs)]
    forms = ['train'] if args.train else args.forms
    entries = [
        build(*model, args.device, form, args.size[0], args.compile)
        for model in models
        for form in forms
    ]
    labels = shorten([entry.label for entry in entries])
    if len(set(labels)) < len(labels):
        raise InputError(f'a config is named twice: {", ".join(labels)}; name each once')
    entries = [e._replace(label=label) for e, label in zip(entries, labels, strict=True)]
    numbers = args.people if args.train else args.candidates
    for size, batch, number in itertools.product(args.size, args.batch, numbers):
        for entry in entries:
            people = number if args.train else None
            data = make_input(entry, size, batch, people)
            shape = 'x'.join(map(str, data['inputs'].shape[-2:]))
            with device.precision(entry.half):
                found = (0, 0.0) if args.train else find_threshold(entry.model, data, number)
            yield Case(entry, data, shape, batch, *found, people)


@exit_on_input_error
def main(argv=None):
    args = parse_args(argv)
    if args.out:
        ensure_writable_file(args.out, '--out')
    check_device(args.device)
    device = Device(args.device, args.amp)
    facts = header(args, f'AMP ({device.half})' if device.amp else 'float32')
    rows = measure(list(make_cases(args, device)), device, args.train, args.runs, args.warmup)
    print(', '.join(f'{name} {value}' for name, value in facts.items()), end='\n\n')
    print(table(rows, args.train))
    if args.out:
        write_json(dict(header=facts, rows=rows), args.out)
