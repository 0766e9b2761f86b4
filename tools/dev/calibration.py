"""Draw how often keypoints are found (similarity to the truth 0.5 or more) by their confidence.

    python tools/dev/calibration.py ANNOTATIONS OUT.png NAME=RESULTS.json …

RESULTS are keypoints in COCO's format, as ``CocoMetric(outfile_prefix=…)`` writes them. People who
score 0.3 or less are left out, as the demo does.
"""

import argparse

import matplotlib
from directpose.datasets.metainfo import parse_metainfo, sigmas_of
from directpose.evaluation.calibration import calibration, match_people
from directpose.utils.errors import InputError, exit_on_input_error
from directpose.utils.io import atomic_write, read_json

matplotlib.use('agg')
import numpy as np
from matplotlib import pyplot as plt

SCORE_THR = 0.3


def parse_args(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('annotations', help='COCO keypoint JSON')
    parser.add_argument('out', help='picture to write')
    parser.add_argument('results', nargs='+', metavar='NAME=RESULTS.json')
    parser.add_argument('--metainfo', default='configs/_base_/datasets/coco.py')
    return parser.parse_args(argv)


@exit_on_input_error
def main(argv=None):
    args = parse_args(argv)
    sigmas = np.array(sigmas_of(parse_metainfo(dict(from_file=args.metainfo))))
    truth = read_json(args.annotations)['annotations']
    figure, axes = plt.subplots(figsize=(5, 4.5), layout='constrained')
    axes.plot([0, 1], [0, 1], color='0.7', linestyle=':')
    print('| scores | keypoints | mean confidence | found | calibration error |')
    print('| --- | --- | --- | --- | --- |')
    for entry in args.results:
        name, separator, path = entry.rpartition('=')
        if not separator:
            raise InputError(f'{entry}: give NAME=RESULTS.json')
        results = [r for r in read_json(path) if r['score'] > SCORE_THR]
        measured = calibration(match_people(results, truth, sigmas))
        counts, confidences, found = (
            np.array([b[key] for b in measured['bins']]) for key in ('count', 'confidence', 'found')
        )
        means = (np.average(values, weights=counts) for values in (confidences, found))
        numbers = ' | '.join(f'{value:.3f}' for value in (*means, measured['error']))
        print(f'| {name} | {counts.sum()} | {numbers} |')
        axes.plot(confidences, found, marker='o', label=name)
    axes.set(xlabel='confidence', ylabel='share of keypoints found', xlim=(0, 1.05), ylim=(0, 1.05))
    axes.grid(alpha=0.3)
    axes.legend()
    with atomic_write(args.out) as partial:
        figure.savefig(partial, dpi=130)


if __name__ == '__main__':
    main()
