"""Bring labels of other programs into COCO's keypoint format.

    directpose to-coco {yolo-pose,labelme,cvat,label-studio} SRC --out labels.json
                       [--metainfo skeleton.py] [--split 0.9] [--config own.py]
                       [--images DIR] [--skip-broken]

SRC is data.yaml of YOLO pose, a folder of labelme's JSON files, annotations.xml of CVAT, or the
JSON export of Label Studio. With --split, or where the labels have splits of their own, OUT becomes
labels_train.json and labels_val.json. --metainfo writes the skeleton for configs, --config also a
config of a small model, for directpose train. Labels that cannot be used are listed, and left out
with --skip-broken only; the exit status is then 3.
"""

import argparse
import os.path as osp
import pprint
import random
import shlex
import sys
from collections import defaultdict

from tqdm import tqdm

from ..datasets.categories import metainfo_of
from ..datasets.converters import READERS, Labels, to_coco
from ..utils.cli import share
from ..utils.errors import INCOMPLETE, InputError, exit_on_input_error
from ..utils.io import write_json, write_text
from ..validation.config import ensure_writable_file

LISTED = 20
CONFIG = """# A small model, which a CPU trains. For a better one, on a GPU, take as base
# 'directpose_v2/directposev2_r50_fpn_8xb4-100e_coco-800x1333.py', which also mirrors images.
_base_ = __import__('directpose').config_path(
    'directpose_v2/directposev2_tiny_1xb4-5e_synthetic-256x320.py'
)

metainfo = dict(from_file='{{{{ fileDirname }}}}/{metainfo}')
model = dict(
    metainfo=metainfo,
    bbox_head=dict({classes}kpt_predictor=dict(groups=None)),
)

images = dict(img='{{{{ fileDirname }}}}/{images}/')
own = dict(metainfo=metainfo, data_root='', data_prefix=images)
train_dataloader = dict(dataset=dict(own, ann_file='{{{{ fileDirname }}}}/{train}'))
val_dataloader = dict(dataset=dict(own, ann_file='{{{{ fileDirname }}}}/{val}'))
test_dataloader = val_dataloader
val_evaluator = dict({metric}ann_file='{{{{ fileDirname }}}}/{val}')
test_evaluator = val_evaluator
"""


def parse_args(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('kind', choices=list(READERS), help='whose labels')
    parser.add_argument('source', help='file or folder')
    parser.add_argument('--out', required=True, help='COCO JSON to write')
    parser.add_argument('--metainfo', help='file of the skeleton to write, for configs')
    parser.add_argument('--split', type=share, help='share of the images for training')
    parser.add_argument('--config', help='config to write, for directpose train')
    parser.add_argument('--images', help='folder of the images, where the labels lie elsewhere')
    parser.add_argument('--skip-broken', action='store_true', help='leave out what is broken')
    return parser.parse_args(argv)


def check_problems(labels: Labels, skip: bool) -> None:
    """List what cannot be used.

    Raises:
        InputError: something cannot, and is not to be skipped.
    """
    for problem in labels.problems[:LISTED]:
        print(problem, file=sys.stderr)
    more = len(labels.problems) - LISTED
    if more > 0:
        print(f'… and {more} more', file=sys.stderr)
    if labels.problems and not skip:
        raise InputError(
            f'{len(labels.problems)} labels cannot be used; fix them, or leave them out with '
            '--skip-broken'
        )
    if not any(picture.people for picture in labels.pictures):
        raise InputError('there is nobody in these labels')


def parts_of(labels: Labels, out: str, train_share: float | None) -> dict[str, list]:
    """The pictures of each file to write: of each split, chosen at random if a share is given."""
    stem, suffix = osp.splitext(out)
    parts = defaultdict(list)
    if train_share is None:
        for picture in labels.pictures:
            parts[picture.split].append(picture)
    else:
        order = random.Random(0).sample(range(len(labels.pictures)), len(labels.pictures))
        count = round(train_share * len(order))
        for split, chosen in (('train', order[:count]), ('val', order[count:])):
            parts[split] = [labels.pictures[k] for k in sorted(chosen)]
    if len(parts) == 1:
        return {out: labels.pictures}
    return {f'{stem}_{split}{suffix}': pictures for split, pictures in parts.items()}


def check_config_is_possible(config: str, parts: dict[str, list], num_keypoints: int) -> None:
    """Check that a config can be written for some files, before anything is.

    Raises:
        InputError: there is one, there are no images for training or for validation, or there are
            fewer than two keypoints.
    """
    if osp.exists(config):
        raise InputError(f'{config} exists; remove it, or give another --config')
    if num_keypoints < 2:
        raise InputError(
            '--config is for two keypoints or more; for one, leave it out and write the config of '
            'a DirectPose with a box branch'
        )
    ends = {osp.splitext(path)[0].rpartition('_')[2] for path, found in parts.items() if found}
    if not {'train', 'val'} <= ends:
        raise InputError(
            '--config needs images for training and for validation; give --split 0.9 or more images'
        )


def check_metainfo_is_kept(path: str, text: str) -> None:
    """Check that no other metainfo file, perhaps written by hand, would be lost.

    Raises:
        InputError: there is one.
    """
    if not osp.exists(path):
        return
    with open(path, encoding='utf-8') as file:
        there = file.read()
    if there != text:
        raise InputError(f'{path} exists with another skeleton; remove it, or give --metainfo')


def config_text(labels: Labels, config: str, metainfo: str, out: str) -> str:
    """A config for labels in COCO's format, of files whose places are told from its own."""

    def place(path: str) -> str:
        beside = osp.relpath(osp.abspath(path), osp.dirname(osp.abspath(config)))
        return beside.replace('\\', '\\\\').replace("'", "\\'")

    stem, suffix = osp.splitext(place(out))
    several = len(labels.classes) > 1
    return CONFIG.format(
        metainfo=place(metainfo),
        train=f'{stem}_train{suffix}',
        val=f'{stem}_val{suffix}',
        images=place(labels.root),
        classes=f'num_classes={len(labels.classes)}, ' if several else '',
        metric="type='ClasswiseCocoMetric', " if several else '',
    )


def skeleton_text(labels: Labels, name: str) -> str:
    """A metainfo file for mmpose."""
    names, swaps, limbs = labels.skeleton
    pairs = [(a + 1, b + 1) for a, b in limbs]
    metainfo = metainfo_of(dict(name=name, skeleton=pairs), names)
    for keypoint, swap in zip(metainfo['keypoint_info'].values(), swaps, strict=True):
        keypoint['swap'] = names[swap] if names[swap] != keypoint['name'] else ''
    return f'dataset_info = {pprint.pformat(metainfo, sort_dicts=False, width=96)}\n'


def check_paths(args: argparse.Namespace) -> None:
    """Check that no file is written over another one, and that a config can name the folders.

    Raises:
        InputError: one would be, or a name has an apostrophe, which mmengine does not read.
    """
    paths = [args.source, args.out, *filter(None, (args.metainfo, args.config))]
    real = [osp.realpath(path) for path in paths]
    twice = [path for path, name in zip(paths, real, strict=True) if real.count(name) > 1]
    if twice:
        raise InputError(f'{twice[-1]} is named twice; give each file a name of its own')
    if args.config and "'" in osp.abspath(args.config):
        raise InputError(
            f'--config {args.config}: mmengine reads no config in a folder with an apostrophe; '
            'give another one'
        )


@exit_on_input_error
def main(argv=None):
    args = parse_args(argv)
    if not osp.exists(args.source):
        raise InputError(f'{args.source} does not exist')
    if args.config and not args.metainfo:
        args.metainfo = f'{osp.splitext(args.out)[0]}_skeleton.py'
    check_paths(args)
    written = dict(out=args.out, metainfo=args.metainfo, config=args.config)
    for option, path in written.items():
        if path:
            ensure_writable_file(path, f'--{option}')
    labels = READERS[args.kind](args.source, args.images, tqdm)
    check_problems(labels, args.skip_broken)
    parts = parts_of(labels, args.out, args.split)
    others = [osp.realpath(path) for path in (args.source, args.metainfo, args.config) if path]
    for path in parts:
        if osp.realpath(path) in others:
            raise InputError(f'{path} would be overwritten; give another --out')
    if args.config:
        check_config_is_possible(args.config, parts, len(labels.skeleton.names))
    if args.metainfo:
        skeleton = skeleton_text(labels, osp.splitext(osp.basename(args.out))[0])
        check_metainfo_is_kept(args.metainfo, skeleton)
    for path, pictures in parts.items():
        write_json(to_coco(labels, pictures), path)
        people = sum(len(picture.people) for picture in pictures)
        print(f'{path}: {people} people in {len(pictures)} images')
    if args.metainfo:
        write_text(skeleton, args.metainfo)
        print(f'{args.metainfo}: {len(labels.skeleton.names)} keypoints')
    if args.config:
        write_text(config_text(labels, args.config, args.metainfo, args.out), args.config)
        print(f'{args.config}: a small model; directpose train {shlex.quote(args.config)}')
    if labels.problems:
        print(f'{len(labels.problems)} labels were left out', file=sys.stderr)
        sys.exit(INCOMPLETE)
