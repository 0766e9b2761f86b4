"""Draw which keypoints are right, and what goes wrong with the others, for several models.

    python tools/dev/error_types.py ANNOTATIONS OUT.png NAME=RESULTS.json …

RESULTS are keypoints in COCO's format, as ``CocoMetric(outfile_prefix=…)`` writes them. Everybody
who is found counts, whatever the score.
"""

import argparse

import matplotlib
import numpy as np
from directpose.datasets.metainfo import parse_metainfo, sigmas_of
from directpose.evaluation.calibration import match_people
from directpose.evaluation.error_types import ERRORS, classify_keypoints
from directpose.utils.errors import InputError, exit_on_input_error
from directpose.utils.io import atomic_write, read_json

matplotlib.use('agg')
from matplotlib import pyplot as plt

COLORS = ('tab:green', 'gold', 'tab:orange', 'tab:red', '0.6')


def parse_args(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('annotations', help='COCO keypoint JSON')
    parser.add_argument('out', help='picture to write')
    parser.add_argument('results', nargs='+', metavar='NAME=RESULTS.json')
    parser.add_argument('--metainfo', default='configs/_base_/datasets/coco.py')
    return parser.parse_args(argv)


def by_name(counts: np.ndarray, names: list[str]) -> dict[str, np.ndarray]:
    """Shares of the kinds for each keypoint, left and right together, and for all."""
    groups: dict[str, list[int]] = {}
    for k, name in enumerate(names):
        groups.setdefault(name.removeprefix('left_').removeprefix('right_'), []).append(k)
    groups['all'] = list(range(len(names)))
    sums = {name: counts[members].sum(0) for name, members in groups.items()}
    return {name: values / max(values.sum(), 1) for name, values in sums.items()}


@exit_on_input_error
def main(argv=None):
    args = parse_args(argv)
    skeleton = parse_metainfo(dict(from_file=args.metainfo))
    sigmas, names = np.array(sigmas_of(skeleton)), list(skeleton['keypoint_id2name'].values())
    truth = read_json(args.annotations)['annotations']
    figure, axes = plt.subplots(
        1,
        len(args.results),
        figsize=(4.2 * len(args.results), 4),
        sharey=True,
        squeeze=False,
        layout='constrained',
    )
    print('| model | people | ' + ' | '.join(ERRORS) + ' |')
    print('| --- ' * (2 + len(ERRORS)) + '|')
    for axis, entry in zip(axes[0], args.results, strict=True):
        name, separator, path = entry.rpartition('=')
        if not separator:
            raise InputError(f'{entry}: give NAME=RESULTS.json')
        matches = match_people(read_json(path), truth, sigmas)
        counts = classify_keypoints(matches, truth, sigmas, skeleton['flip_indices'])
        shares = by_name(counts, names)
        numbers = ' | '.join(f'{value:.3f}' for value in shares['all'])
        print(f'| {name} | {len(matches)} | {numbers} |')
        table = np.array(list(shares.values()))
        starts = np.cumsum(table, 1) - table
        for kind, color, start, width in zip(ERRORS, COLORS, starts.T, table.T, strict=True):
            axis.barh(list(shares), width, left=start, color=color, label=kind)
        axis.set(title=name, xlim=(0, 1), xlabel='share of labelled keypoints')
    axes[0, 0].invert_yaxis()
    figure.legend(
        *axes[0, 0].get_legend_handles_labels(), ncols=len(ERRORS), loc='outside lower center'
    )
    with atomic_write(args.out) as partial:
        figure.savefig(partial, dpi=130)


if __name__ == '__main__':
    main()
