"""Render a synthetic dataset in COCO keypoint format.

python tools/make_synthetic.py data/synthetic --num-train 1024 --num-val 64
python tools/make_synthetic.py data/synthetic_coco --labels pose_labels.npz --num-train 2000
"""

import argparse

from directpose.datasets.synthetic.scenes import (
    LONG_SIDE,
    SCENES,
    make_coco_layout_set,
    make_synthetic_set,
)
from directpose.utils.cli import not_negative, positive, share
from directpose.utils.errors import InputError, exit_on_input_error


def parse_args(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('out', help='folder to make: images/ and annotations/{train,val}.json')
    parser.add_argument('--num-train', type=positive, default=1024, help='training images')
    parser.add_argument('--num-val', type=positive, default=64, help='held-out images')
    parser.add_argument(
        '--seed', type=not_negative, default=0, help='the same seed makes the same bytes'
    )
    parser.add_argument('--workers', type=positive, help='processes (default: one for each core)')
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        '--scenes',
        choices=SCENES,
        default='plain',
        help='hard: more people, more of them covered, keypoints outside of the boxes',
    )
    what.add_argument(
        '--labels',
        help="poses and places of COCO's people (.npz, see directpose.datasets.synthetic.layouts), "
        'drawn instead of scenes of our own',
    )
    parser.add_argument(
        '--unlabelled',
        type=share,
        default=0.0,
        help='share of the training people without labelled keypoints, not with --labels',
    )
    parser.add_argument(
        '--long-side',
        type=positive,
        default=LONG_SIDE,
        help='of the images with --labels, in pixels',
    )
    return parser.parse_args(argv)


@exit_on_input_error
def main(argv=None):
    args = parse_args(argv)
    common = dict(
        out=args.out,
        num_train=args.num_train,
        num_val=args.num_val,
        seed=args.seed,
        workers=args.workers,
    )
    if args.labels and args.unlabelled:
        raise InputError('--unlabelled is for scenes of our own, not for --labels')
    if args.labels:
        make_coco_layout_set(**common, labels=args.labels, long_side=args.long_side)
    else:
        make_synthetic_set(**common, scenes=args.scenes, unlabelled=args.unlabelled)
    print(f'{args.num_train} training and {args.num_val} held-out images are in {args.out}')


if __name__ == '__main__':
    main()
