"""Why is my AP low? Kinds of errors, what each costs, and the worst images.

    directpose analyze RESULTS.json --ann-file GT.json --out report/ [--images DIR]

RESULTS.json are keypoints in COCO's format, of any program: what CocoMetric(outfile_prefix=…) or
directpose test --cfg-options test_evaluator.outfile_prefix=… writes. The folder gets index.html,
one file that opens anywhere, and analysis.json with the numbers. The skeleton is what the
categories of GT.json tell; --metainfo gives another one, with its sigmas.
"""

import argparse
import functools
import os.path as osp

import numpy as np
from tqdm import tqdm

from ..apis.report import render_report
from ..datasets.categories import skeleton_of
from ..datasets.metainfo import parse_metainfo, sigmas_of
from ..evaluation.analysis import analyse
from ..utils.cli import not_negative
from ..utils.errors import InputError, exit_on_input_error
from ..utils.io import write_json, write_text
from ..validation.config import ensure_writable_dir
from ..validation.results import check_people, read_results, read_truth


def parse_args(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('results', help='COCO keypoint results JSON')
    parser.add_argument('--ann-file', required=True, help='COCO keypoint JSON of their images')
    parser.add_argument('--out', default='report', help='folder to write to (default: %(default)s)')
    parser.add_argument('--images', default='', help='folder of the photos, for the pictures')
    parser.add_argument('--metainfo', help="file of the skeleton, as mmpose's configs have it")
    parser.add_argument(
        '--score-thr',
        type=float,
        default=0.3,
        help='minimum score of a person to draw (default: %(default)s)',
    )
    parser.add_argument(
        '--pictures',
        type=not_negative,
        default=20,
        help='worst images to show (default: %(default)s)',
    )
    return parser.parse_args(argv)


@exit_on_input_error
def main(argv=None):
    args = parse_args(argv)
    if args.images and not osp.isdir(args.images):
        raise InputError(f'--images {args.images} is no folder; check the path')
    truth = read_truth(args.ann_file)
    skeleton = (
        parse_metainfo(dict(from_file=args.metainfo))
        if args.metainfo
        else skeleton_of(truth, args.ann_file)
    )
    check_people(args.ann_file, truth, skeleton['num_keypoints'])
    results = read_results(args.results, truth, args.ann_file, skeleton['num_keypoints'])
    ensure_writable_dir(args.out, '--out')
    numbers, shown = analyse(
        results,
        truth,
        skeleton,
        np.array(sigmas_of(skeleton)),
        args.score_thr,
        functools.partial(tqdm, desc='AP without an error'),
    )
    write_json(numbers, osp.join(args.out, 'analysis.json'))
    page = render_report(
        numbers,
        shown,
        truth,
        skeleton,
        args.images,
        results=osp.basename(args.results),
        ann_file=osp.basename(args.ann_file),
        pictures=args.pictures,
        progress=functools.partial(tqdm, desc='pictures'),
    )
    write_text(page, osp.join(args.out, 'index.html'))
    print(f'AP {numbers["metrics"]["AP"]:.3f}; open {osp.join(args.out, "index.html")}')
