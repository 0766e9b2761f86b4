"""From people with 17 keypoints to other skeletons with 100 images: fine-tuned and from scratch.

    python tools/dev/finetuning.py CHECKPOINT [--seeds 0 1 2] [--work-dir DIR] [--amp]

CHECKPOINT is that of make demo MODEL=directpose. Renders 100 training and 200 test images of people
whom it has not seen, and trains on 14 and on 5 of their keypoints, with the same number of steps
from the checkpoint and from random weights. Goes on where it stopped; leaves finetuning.md.
"""

import argparse
import statistics
from pathlib import Path

from directpose.datasets.metainfo import parse_metainfo
from directpose.utils.cli import not_negative, run_tool
from directpose.utils.errors import InputError, exit_on_input_error
from directpose.utils.io import read_json, write_json, write_text
from directpose.weights.download import file_hash

TOOLS = Path(__file__).resolve().parents[1]
CONFIG = TOOLS.parent / 'configs/directpose/directpose_tiny_1xb4-5e_synthetic-256x320.py'
EPOCHS = 16  # of 25 steps
COCO = parse_metainfo(dict(from_file='configs/_base_/datasets/coco.py'))
SIDES = ('shoulder', 'elbow', 'wrist', 'hip', 'knee', 'ankle')
# Other names for keypoints that COCO has, and one that it lacks
SKELETONS = {
    '14': [*(f'{side}_{part}' for part in SIDES for side in ('left', 'right')), 'head', 'neck'],
    '5': ['head', 'left_hand', 'right_hand', 'left_ankle', 'right_ankle'],
}
NAMES = dict(head='nose', left_hand='left_wrist', right_hand='right_wrist')


def parse_args(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('checkpoint', help='of make demo')
    parser.add_argument('--seeds', type=not_negative, nargs='+', default=[0, 1, 2])
    parser.add_argument('--work-dir', type=Path, default='work_dirs/finetuning')
    parser.add_argument('--amp', action='store_true', help='train in half precision')
    return parser.parse_args(argv)


def swap_of(name: str) -> str:
    """The name of the other side."""
    sides = dict(left='right', right='left')
    side, _, part = name.partition('_')
    return f'{sides[side]}_{part}' if side in sides else ''


def metainfo(names: list[str]) -> dict:
    """Of a dataset with these keypoints."""
    sigmas = dict(zip(COCO['keypoint_name2id'], COCO['sigmas'].tolist(), strict=True))
    keypoints = {
        k: dict(name=n, id=k, color=[0, 0, 0], type='', swap=swap_of(n))
        for k, n in enumerate(names)
    }
    return dict(
        dataset_name='part of people',
        keypoint_info=keypoints,
        skeleton_info={},
        joint_weights=[1.0] * len(names),
        sigmas=[sigmas[NAMES.get(n, 'left_shoulder' if n == 'neck' else n)] for n in names],
    )


def keypoint(person: list[list[float]], name: str) -> list[float]:
    """x, y and visibility of a keypoint of a person with COCO's."""
    ids = COCO['keypoint_name2id']
    if name != 'neck':
        return person[ids[NAMES.get(name, name)]]
    left, right = person[ids['left_shoulder']], person[ids['right_shoulder']]
    seen = 2 * (left[2] > 0 and right[2] > 0)
    return [(left[0] + right[0]) / 2 * (seen > 0), (left[1] + right[1]) / 2 * (seen > 0), seen]


def write_labels(source: Path, names: list[str], out: Path) -> None:
    """Annotations of COCO's keypoints, with others."""
    content = read_json(str(source))
    for annotation in content['annotations']:
        values = annotation['keypoints']
        person = [values[i : i + 3] for i in range(0, len(values), 3)]
        points = [keypoint(person, name) for name in names]
        annotation['keypoints'] = [value for point in points for value in point]
        annotation['num_keypoints'] = sum(point[2] > 0 for point in points)
    content['categories'] = [dict(id=1, name='person', keypoints=names)]
    write_json(content, out)


def write_config(names: list[str], data: Path, labels: str, path: Path) -> None:
    """The config of a training."""
    info = metainfo(names) | dict(_delete_=True)
    path.write_text(
        f"""_base_ = {str(CONFIG)!r}
metainfo = {info!r}
groups = {[[name] for name in names]}
model = dict(metainfo=metainfo, bbox_head=dict(kpt_predictor=dict(groups=groups)))
dataset = dict(data_root={f'{data}/'!r}, metainfo=metainfo)
train_dataloader = dict(
    num_workers=0,
    dataset={{**dataset, 'ann_file': 'annotations/train_{labels}.json'}})
val_dataloader = test_dataloader = dict(
    num_workers=0,
    persistent_workers=False,
    dataset={{**dataset, 'ann_file': 'annotations/val_{labels}.json'}})
val_evaluator = test_evaluator = dict(ann_file={f'{data}/annotations/val_{labels}.json'!r})
max_epochs = {EPOCHS}
train_cfg = dict(max_epochs=max_epochs, val_interval=max_epochs)
default_hooks = dict(checkpoint=dict(interval=max_epochs))
param_scheduler = __import__('directpose').override_by_type(
    _base_.param_scheduler, CosineAnnealingLR=dict(T_max=max_epochs))
"""
    )


def train(config: Path, start: Path | None, seed: int, folder: Path, amp: bool) -> float:
    """AP of a training; it is run unless it was.

    Raises:
        InputError: the folder has another one.
    """
    metrics, log = folder / 'metrics.json', folder / 'log.txt'
    folder.mkdir(parents=True, exist_ok=True)
    facts = dict(amp=amp, start=file_hash(start) if start else None)
    kept = folder / 'run.json'
    if kept.exists() and read_json(str(kept)) != facts:
        raise InputError(f'{folder} holds a run from other weights, or with another --amp')
    write_json(facts, kept)
    if not metrics.exists():
        options = ['--work-dir', str(folder), '--cfg-options', f'randomness.seed={seed}']
        first = [f'load_from={start}'] if start else []
        run_tool(TOOLS / 'train.py', log, str(config), *['--amp'] * amp, *options, *first)
        checkpoint = str(folder / f'epoch_{EPOCHS}.pth')
        arguments = [str(config), checkpoint, '--out', str(metrics), *options]
        run_tool(TOOLS / 'test.py', log, *arguments)
    return read_json(str(metrics))['coco/AP']


@exit_on_input_error
def main(argv=None):
    args = parse_args(argv)
    root = args.work_dir.resolve()
    data = root / 'data'
    root.mkdir(parents=True, exist_ok=True)
    if not (data / 'annotations/val.json').exists():
        size = ['--num-train', '100', '--num-val', '200', '--seed', '1000']
        run_tool(TOOLS / 'make_synthetic.py', root / 'data.txt', str(data), *size)
    lines = ['| keypoints | from scratch | fine-tuned | gain |', '| --- | --- | --- | --- |']
    for labels, names in SKELETONS.items():
        for split in ('train', 'val'):
            annotations = data / 'annotations'
            target = annotations / f'{split}_{labels}.json'
            write_labels(annotations / f'{split}.json', names, target)
        config, start = root / f'keypoints_{labels}.py', root / f'start_{labels}.pth'
        write_config(names, data, labels, config)
        pairs = [f'{new}={old}' for new, old in NAMES.items() if new in names]
        convert = ['finetune', args.checkpoint, str(start), '--config', str(config)]
        run_tool(TOOLS / 'convert.py', root / 'convert.txt', *convert, '--map', *pairs)
        scores = [
            [
                train(config, begin, seed, root / f'{labels}_{kind}_{seed}', args.amp)
                for begin, kind in ((None, 'scratch'), (start, 'finetuned'))
            ]
            for seed in args.seeds
        ]
        scratch, tuned = zip(*scores, strict=True)
        gains = [after - before for before, after in scores]
        cells = [mean_and_std(values) for values in (scratch, tuned, gains)]
        lines.append(f'| {labels} | {" | ".join(cells)} |')
    write_text('\n'.join(lines) + '\n', root / 'finetuning.md')
    print('\n'.join(lines))


def mean_and_std(values) -> str:
    """Mean and standard deviation."""
    spread = statistics.stdev(values) if len(values) > 1 else 0
    return f'{statistics.mean(values):.3f} ± {spread:.3f}'


if __name__ == '__main__':
    main()
