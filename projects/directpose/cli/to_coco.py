"""Bring labels of other programs into COCO's keypoint format.

    directpose to-coco {yolo-pose,labelme,cvat,label-studio} SRC --out labels.json
                       [--metainfo skeleton.py] [--split 0.9] [--images DIR] [--skip-broken]

SRC is data.yaml of YOLO pose, a folder of labelme's JSON files, annotations.xml of CVAT, or the
JSON export of Label Studio. With --split, OUT becomes labels_train.json and labels_val.json.
--metainfo writes the skeleton for configs. Labels that cannot be used are listed, and left out with
--skip-broken only; the exit status is then 3.
"""

import argparse
import os.path as osp
import pprint
import random
import sys

from tqdm import tqdm

from ..datasets.categories import metainfo_of
from ..datasets.converters import READERS, Labels, to_coco
from ..utils.cli import share
from ..utils.errors import INCOMPLETE, InputError, exit_on_input_error
from ..utils.io import write_json, write_text
from ..validation.config import ensure_writable_dir

LISTED = 20


def parse_args(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('kind', choices=list(READERS), help='whose labels')
    parser.add_argument('source', help='file or folder')
    parser.add_argument('--out', required=True, help='COCO JSON to write')
    parser.add_argument('--metainfo', help='file of the skeleton to write, for configs')
    parser.add_argument('--split', type=share, help='share of the images for training')
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
            f'{len(labels.problems)} labels cannot be used; mend them, or leave them out with '
            '--skip-broken'
        )
    if not any(picture.people for picture in labels.pictures):
        raise InputError('there is nobody in these labels')


def parts_of(labels: Labels, out: str, train_share: float | None) -> dict[str, list]:
    """The pictures of each file to write; chosen at random, the same each time."""
    if train_share is None:
        return {out: labels.pictures}
    stem, suffix = osp.splitext(out)
    order = random.Random(0).sample(range(len(labels.pictures)), len(labels.pictures))
    count = round(train_share * len(order))
    parts = dict(train=sorted(order[:count]), val=sorted(order[count:]))
    return {
        f'{stem}_{name}{suffix}': [labels.pictures[k] for k in chosen]
        for name, chosen in parts.items()
    }


def skeleton_text(labels: Labels, name: str) -> str:
    """A metainfo file for mmpose."""
    names, swaps, limbs = labels.skeleton
    pairs = [(a + 1, b + 1) for a, b in limbs]
    metainfo = metainfo_of(dict(name=name, skeleton=pairs), names)
    for keypoint, swap in zip(metainfo['keypoint_info'].values(), swaps, strict=True):
        keypoint['swap'] = names[swap] if names[swap] != keypoint['name'] else ''
    return f'dataset_info = {pprint.pformat(metainfo, sort_dicts=False, width=96)}\n'


@exit_on_input_error
def main(argv=None):
    args = parse_args(argv)
    if not osp.exists(args.source):
        raise InputError(f'{args.source} does not exist')
    for option, path in (('--out', args.out), ('--metainfo', args.metainfo)):
        if path:
            ensure_writable_dir(osp.dirname(osp.abspath(path)), option)
    labels = READERS[args.kind](args.source, args.images, tqdm)
    check_problems(labels, args.skip_broken)
    for path, pictures in parts_of(labels, args.out, args.split).items():
        write_json(to_coco(labels, pictures), path)
        people = sum(len(picture.people) for picture in pictures)
        print(f'{path}: {people} people in {len(pictures)} images')
    if args.metainfo:
        name = osp.splitext(osp.basename(args.out))[0]
        write_text(skeleton_text(labels, name), args.metainfo)
        print(f'{args.metainfo}: {len(labels.skeleton.names)} keypoints')
    if labels.problems:
        print(f'{len(labels.problems)} labels were left out', file=sys.stderr)
        sys.exit(INCOMPLETE)
