"""A table of COCO keypoint detectors: ours, those of mmpose's model index, and what was measured.

    python tools/leaderboard.py [--results NAME=FILE … --ann-file GT] [--benchmark RUN.json …]
                                [--sort COLUMN] [--only REGEX] [--out DIR]

Writes DIR/leaderboard.md and .csv, and with --benchmark a plot of AP over latency. Published and
measured numbers are never in one column. NAME is a model of the table or a new one, FILE a COCO
keypoint results JSON, which is evaluated on the annotations GT. RUN.json is what
tools/benchmark.py --out wrote.
"""

import argparse
import csv
import io
import os
import os.path as osp
import re

import matplotlib
from directpose.benchmark.leaderboard import (
    Row,
    add_latencies,
    add_measured,
    count_cost,
    mmpose_rows,
    our_rows,
)
from directpose.utils.errors import InputError, exit_on_input_error
from directpose.utils.io import atomic_write, write_text
from directpose.validation.config import ensure_writable_dir
from tqdm import tqdm

matplotlib.use('agg')
from matplotlib import pyplot as plt
from matplotlib.ticker import LogLocator, NullLocator

ROOT = osp.dirname(osp.dirname(osp.abspath(__file__)))
# Title of each column, and its value in a row; numbers are sorted as such.
COLUMNS = {
    'model': lambda row: row.name,
    'kind': lambda row: row.kind,
    'trained on': lambda row: row.data if row.published or row.measured else 'not trained',
    'input': lambda row: row.size,
    'M params': lambda row: row.parameters_m,
    'GFLOPs': lambda row: row.gflops,
    'AP published': lambda row: row.published.get('AP'),
    'AP50 published': lambda row: row.published.get('AP@0.5'),
    'AP75 published': lambda row: row.published.get('AP@0.75'),
    'APM published': lambda row: row.published.get('AP (M)'),
    'APL published': lambda row: row.published.get('AP (L)'),
    'AR published': lambda row: row.published.get('AR'),
    'on': lambda row: row.split,
    'by': lambda row: row.source,
    'AP here': lambda row: row.measured.get('AP'),
    'AP50 here': lambda row: row.measured.get('AP@0.5'),
    'AP75 here': lambda row: row.measured.get('AP@0.75'),
    'AR here': lambda row: row.measured.get('AR'),
    'here on': lambda row: row.measured_on,
    'ms here': lambda row: row.ms,
    'timed at': lambda row: row.ms_size,
}
ASCENDING = ('model', 'kind', 'trained on', 'input', 'M params', 'GFLOPs', 'on', 'by', 'ms here')


def parse_args(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--results', nargs='+', default=[], metavar='NAME=FILE')
    parser.add_argument('--ann-file', help='annotations of the images of all the results')
    parser.add_argument('--benchmark', nargs='+', default=[], metavar='RUN.json')
    parser.add_argument('--sort', default='AP published', choices=COLUMNS, metavar='COLUMN')
    parser.add_argument(
        '--only', default='', metavar='REGEX', help='these models only, and those of --results'
    )
    parser.add_argument('--out', default='work_dirs/leaderboard', help='folder to write to')
    return parser.parse_args(argv)


def sort_rows(rows: list[Row], column: str) -> list[Row]:
    """Rows with the best value first, those without one last."""
    value = COLUMNS[column]
    known = [row for row in rows if value(row) not in (None, '')]
    unknown = [row for row in rows if value(row) in (None, '')]
    return sorted(known, key=lambda r: pixels(value(r)), reverse=column not in ASCENDING) + unknown


def pixels(value):
    """A size HxW as its area; anything else as it is."""
    size = re.fullmatch(r'(\d+)x(\d+)', str(value))
    return int(size[1]) * int(size[2]) if size else value


def cell(title: str, value) -> str:
    """A value as text: AP in percent."""
    if value is None:
        return ''
    if isinstance(value, str):
        return value
    return f'{100 * value:.1f}' if re.match('A[PR]', title) else f'{value:.1f}'


def as_table(rows: list[Row]) -> list[list[str]]:
    """Titles and cells, without columns that are empty."""
    columns = {
        title: cells
        for title, value in COLUMNS.items()
        if any(cells := [cell(title, value(row)) for row in rows])
    }
    return [list(columns), *map(list, zip(*columns.values(), strict=True))]


def as_markdown(table: list[list[str]]) -> str:
    titles, *lines = table
    return '\n'.join(
        '| ' + ' | '.join(line) + ' |' for line in [titles, ['---'] * len(titles), *lines]
    )


def as_csv(table: list[list[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator='\n').writerows(table)
    return text.getvalue()


def plot(rows: list[Row], caption: str, path: str) -> None:
    """AP over latency: published numbers hollow, measured ones filled."""
    figure, axes = plt.subplots(figsize=(7, 4.5))
    kinds = list(dict.fromkeys(row.kind for row in rows))
    for row in (r for r in rows if r.ms is not None):
        color = f'C{kinds.index(row.kind)}'
        marks = ((row.published.get('AP'), 'none'), (row.measured.get('AP'), color))
        for ap, fill in ((a, f) for a, f in marks if a is not None):
            axes.plot(row.ms, 100 * ap, 'o', color=color, mfc=fill)
            label = re.sub(r'_\d+xb.*|_coco.*', '', row.name)
            axes.annotate(label, (row.ms, 100 * ap), (5, 3), textcoords='offset points', fontsize=7)
    axes.set(xlabel=f'ms an image (log scale), measured here\n{caption}', xscale='log')
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter('{x:.0f}')
    axes.set_ylabel('keypoint AP, on the split that the table names')
    axes.xaxis.label.set_size(8)
    handles = [
        axes.plot([], [], 'o', color=f'C{number}', label=kind)[0]
        for number, kind in enumerate(kinds)
        if kind and any(row.ms is not None for row in rows if row.kind == kind)
    ]
    if any(row.ms is not None and row.published for row in rows):
        handles += axes.plot([], [], 'o', color='grey', mfc='none', label='hollow: AP published')
    if any(row.ms is not None and row.measured for row in rows):
        handles += axes.plot([], [], 'o', color='grey', label='filled: AP measured here')
    axes.legend(handles=handles, fontsize=7)
    axes.grid(alpha=0.3)
    low, high = axes.get_xlim()
    axes.set_xlim(low, 2.2 * high)  # for the labels
    figure.tight_layout()
    with atomic_write(path) as partial:
        figure.savefig(partial, dpi=130)
    plt.close(figure)


def notes(args: argparse.Namespace, headers: list[dict]) -> list[str]:
    """What the columns mean."""
    lines = [
        'AP and AR are those of keypoints, in percent. Published: as the source tells. Top-down '
        'models are given the boxes of a detector, whose cost is not in their numbers.',
        'Parameters and FLOPs (2 for a multiply-add) of the dense part, counted on the stated '
        'input, of two-stage models for 1000 proposals and 100 people; empty where the installed '
        'packages cannot build or count the model.',
    ]
    if args.results:
        lines.append('AP here: by faster-coco-eval, on the annotations and images under «here on».')
    lines += [
        f'ms here: tools/benchmark.py, batch 1, {h["hardware"]}, {h["threads"]} threads, '
        f'{h["precision"]}, {h["date"]}; weights: {h["weights"]}; by default on '
        'what the pipeline of the model makes of a picture of 640x480 pixels.'
        for h in headers
    ]
    return lines


@exit_on_input_error
def main(argv=None):
    args = parse_args(argv)
    ensure_writable_dir(args.out, '--out')
    if args.results and not args.ann_file:
        raise InputError('--results: give the annotations of their images with --ann-file')
    pairs = [item.partition('=')[::2] for item in args.results]
    for name, path in pairs:
        if not name or not path:
            raise InputError(f'--results {name}{path}: give NAME=FILE')

    try:
        only = re.compile(args.only)
    except re.error as error:
        raise InputError(f'--only {args.only}: no regular expression ({error})') from error

    rows = our_rows(ROOT) + mmpose_rows()
    for name, path in tqdm(pairs, 'results', disable=not pairs):
        add_measured(rows, name, path, args.ann_file)
    headers = [add_latencies(rows, path) for path in args.benchmark]
    machines = {f'{h["hardware"]}, {h["threads"]} threads, {h["precision"]}' for h in headers}
    if len(machines) > 1:
        raise InputError(f'--benchmark: runs that differ cannot be compared: {"; ".join(machines)}')
    rows = [row for row in rows if row.measured or only.search(row.name)]
    if not rows:
        raise InputError(f'--only {args.only}: no model has such a name')
    for row in tqdm(rows, 'parameters and FLOPs'):
        if row.config and row.size:
            count_cost(row)
    rows = sort_rows(rows, args.sort)

    table = as_table(rows)
    text = '\n\n'.join([as_markdown(table), *notes(args, headers)])
    write_text(text + '\n', osp.join(args.out, 'leaderboard.md'))
    write_text(as_csv(table), osp.join(args.out, 'leaderboard.csv'))
    written = 'leaderboard.md, leaderboard.csv'
    if any(row.ms is not None and (row.published or row.measured) for row in rows):
        caption = ', '.join(f'{h["hardware"]}, {h["threads"]} threads' for h in headers[:1])
        plot(rows, caption, osp.join(args.out, 'leaderboard.png'))
        written += ', leaderboard.png'
    print(text)
    print(f'\n{len(rows)} rows; {written} are in {args.out}{os.sep}')


if __name__ == '__main__':
    main()
