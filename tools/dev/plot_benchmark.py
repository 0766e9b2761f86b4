"""Plot the medians of tools/benchmark.py over what varies in a run.

    python tools/dev/plot_benchmark.py run1.json [run2.json …] --out scaling.png

One panel for each file; its x axis is the input area, the batch, the number of candidates or of
labelled people: whichever has the most values. The dotted line joins the first and the last point.
"""

import argparse
import os

import matplotlib
import numpy as np
from directpose.utils.errors import InputError, exit_on_input_error
from directpose.utils.io import atomic_write, read_json
from directpose.validation.config import check_work_dir

matplotlib.use('agg')
from matplotlib import pyplot as plt

AXES = dict(
    area='input area, pixels',
    batch='images at once',
    candidates='candidates of an image',
    people='labelled people of an image',
)


def parse_args(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('files', nargs='+', help='JSON files of tools/benchmark.py')
    parser.add_argument('--out', required=True, help='picture to write')
    return parser.parse_args(argv)


def area(row: dict) -> int:
    """Pixels of the network input of a row."""
    height, width = map(int, row['size'].split('x'))
    return height * width


def draw_panel(axes: plt.Axes, path: str) -> None:
    """One run: a line for each model.

    Raises:
        InputError: the file holds no rows of tools/benchmark.py.
    """
    content = read_json(path)
    try:
        rows = [row | dict(area=area(row)) for row in content['rows']]
        mode = content['header']['mode']
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f'{path} was not written by tools/benchmark.py') from error
    name = max(AXES, key=lambda key: len({row[key] for row in rows}))
    for model in dict.fromkeys(row['model'] for row in rows):
        own = sorted((row for row in rows if row['model'] == model), key=lambda row: row[name])
        x, median = (np.array([row[key] for row in own], float) for key in (name, 'median_ms'))
        low, high = (np.array([row[key] for row in own], float) for key in ('p10_ms', 'p90_ms'))
        line = axes.errorbar(x, median, (median - low, high - median), fmt='o-', ms=4, label=model)
        axes.plot(x[[0, -1]], median[[0, -1]], ':', color=line.lines[0].get_color(), lw=1)
    axes.set(xlabel=AXES[name], ylabel=f'ms, {mode}', ylim=(0, None))
    axes.grid(alpha=0.3)
    axes.legend(fontsize=7)


@exit_on_input_error
def main(argv=None):
    args = parse_args(argv)
    check_work_dir(os.path.dirname(os.path.abspath(args.out)), '--out')
    figure, panels = plt.subplots(
        1, len(args.files), figsize=(4.5 * len(args.files), 3.6), squeeze=False
    )
    for axes, path in zip(panels[0], args.files, strict=True):
        draw_panel(axes, path)
    figure.tight_layout()
    with atomic_write(args.out) as partial:
        figure.savefig(partial, dpi=130)
    print(f'written to {args.out}')


if __name__ == '__main__':
    main()
