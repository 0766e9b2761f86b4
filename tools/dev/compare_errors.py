"""Draw the errors and the confidences of several models beside each other.

    python tools/dev/compare_errors.py OUT NAME=ANALYSIS.json …

ANALYSIS.json is what directpose analyze writes. The folder OUT gets error_types.png
and, where there are confidences, confidence.png; the tables are printed.
"""

import argparse
from pathlib import Path

import matplotlib
import numpy as np
from directpose.apis.report import KIND_COLORS
from directpose.evaluation.error_types import ERRORS
from directpose.utils.errors import InputError, exit_on_input_error
from directpose.utils.io import atomic_write, read_json
from directpose.validation.config import ensure_writable_dir

matplotlib.use('agg')
from matplotlib import pyplot as plt


def parse_args(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('out', help='folder to write to')
    parser.add_argument('analyses', nargs='+', metavar='NAME=ANALYSIS.json')
    return parser.parse_args(argv)


def by_name(by_keypoint: dict) -> dict[str, np.ndarray]:
    """Shares of the kinds for each keypoint, left and right together, and for all."""
    sums: dict[str, np.ndarray] = {}
    for name, kinds in by_keypoint.items():
        counts = np.array(list(kinds.values()), float)
        for group in (name.removeprefix('left_').removeprefix('right_'), 'all'):
            sums[group] = sums.get(group, 0) + counts
    sums['all'] = sums.pop('all')  # last
    return {name: counts / max(counts.sum(), 1) for name, counts in sums.items()}


def draw_errors(analyses: dict[str, dict], path: Path) -> None:
    """Bars of each keypoint, a panel a model; prints a table."""
    figure, axes = plt.subplots(
        1,
        len(analyses),
        figsize=(4.2 * len(analyses), 4),
        sharey=True,
        squeeze=False,
        layout='constrained',
    )
    print('| model | people | ' + ' | '.join(ERRORS) + ' |')
    print('| --- ' * (2 + len(ERRORS)) + '|')
    for axis, (name, numbers) in zip(axes[0], analyses.items(), strict=True):
        shares = by_name(numbers['by_keypoint'])
        row = ' | '.join(f'{value:.3f}' for value in shares['all'])
        print(f'| {name} | {numbers["people"]["found"]} | {row} |')
        table = np.array(list(shares.values()))
        starts = np.cumsum(table, 1) - table
        for kind, color, start, width in zip(ERRORS, KIND_COLORS, starts.T, table.T, strict=True):
            axis.barh(list(shares), width, left=start, color=color, label=kind)
        axis.set(title=name, xlim=(0, 1), xlabel='share of labelled keypoints')
    axes[0, 0].invert_yaxis()
    figure.legend(
        *axes[0, 0].get_legend_handles_labels(), ncols=len(ERRORS), loc='outside lower center'
    )
    save(figure, path)


def draw_confidences(analyses: dict[str, dict], path: Path) -> None:
    """How often keypoints are found over their confidence; prints a table."""
    figure, axes = plt.subplots(figsize=(5, 4.5), layout='constrained')
    axes.plot([0, 1], [0, 1], color='0.7', linestyle=':')
    print('\n| model | keypoints | mean confidence | found | calibration error |')
    print('| --- ' * 5 + '|')
    for name, numbers in analyses.items():
        measured = numbers['calibration']
        counts, confidences, found = (
            np.array([b[key] for b in measured['bins']]) for key in ('count', 'confidence', 'found')
        )
        means = (np.average(values, weights=counts) for values in (confidences, found))
        row = ' | '.join(f'{value:.3f}' for value in (*means, measured['error']))
        print(f'| {name} | {counts.sum()} | {row} |')
        axes.plot(confidences, found, marker='o', label=name)
    axes.set(xlabel='confidence', ylabel='share of keypoints found', xlim=(0, 1.05), ylim=(0, 1.05))
    axes.grid(alpha=0.3)
    axes.legend()
    save(figure, path)


def save(figure: plt.Figure, path: Path) -> None:
    """Write a figure, whole or not at all."""
    with atomic_write(path) as partial:
        figure.savefig(partial, dpi=130)
    plt.close(figure)


@exit_on_input_error
def main(argv=None):
    args = parse_args(argv)
    ensure_writable_dir(args.out, 'OUT')
    analyses = {}
    for entry in args.analyses:
        name, separator, path = entry.partition('=')
        if not separator:
            raise InputError(f'{entry}: give NAME=ANALYSIS.json')
        analyses[name] = read_json(path)
        if not isinstance(analyses[name], dict) or 'by_keypoint' not in analyses[name]:
            raise InputError(f'{path} was not written by directpose analyze')
    draw_errors(analyses, Path(args.out, 'error_types.png'))
    sure = {name: numbers for name, numbers in analyses.items() if numbers['calibration']}
    if sure:
        draw_confidences(sure, Path(args.out, 'confidence.png'))


if __name__ == '__main__':
    main()
