"""Train variants of a model with several seeds: mean and spread of their AP, as table and plot.

    python tools/dev/ablation.py BASELINE CONFIG … [--seeds 0 1 2] [--work-dir DIR] [--amp]

One training runs at a time, the first seed of every config before the second of any. Call it again
after an interruption: what is finished is not repeated, what was begun goes on from its last epoch.
Each run's last checkpoint is tested, not its best. Leaves in the folder: NAME/seed_N/metrics.json,
ablation.md and ablation.png, and ablation.json with every number.
"""

import argparse
import itertools
from pathlib import Path

import matplotlib
import numpy as np
from directpose.utils.cli import not_negative, run_tool
from directpose.utils.config import read_config
from directpose.utils.errors import InputError, exit_on_input_error
from directpose.utils.io import atomic_write, read_json, write_json, write_text
from directpose.validation.config import check_config, ensure_writable_dir

matplotlib.use('agg')
from matplotlib import pyplot as plt

TOOLS = Path(__file__).resolve().parents[1]
METRICS = {
    'coco/AP': 'AP',
    'coco/AP .5': 'AP50',
    'coco/AP .75': 'AP75',
    'coco/AP (M)': 'AP (M)',
    'coco/AP (L)': 'AP (L)',
    'coco/bbox_mAP': 'box AP',
}


def parse_args(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('configs', nargs='+', help='of the models; the first is the baseline')
    parser.add_argument('--seeds', type=not_negative, nargs='+', default=[0, 1, 2])
    parser.add_argument('--work-dir', default='work_dirs/ablation', help='folder to write to')
    parser.add_argument('--amp', action='store_true', help='train in half precision')
    return parser.parse_args(argv)


def run(config: Path, seed: int, folder: Path, amp: bool) -> dict[str, float]:
    """Metrics of a training with a seed; it is run unless they are there."""
    metrics = folder / 'metrics.json'
    check_same_config(config, folder, amp)
    if not metrics.exists():
        label = f'{config.stem}, seed {seed}: '
        common = ['--work-dir', str(folder), '--cfg-options', f'randomness.seed={seed}']
        log = folder / 'log.txt'
        train = [str(config), '--resume', '--auto-scale-lr', *['--amp'] * amp, *common]
        run_tool(TOOLS / 'train.py', log, *train, prefix=label)
        checkpoint = (folder / 'last_checkpoint').read_text(encoding='utf-8').strip()
        arguments = [str(config), checkpoint, '--out', str(metrics), *common]
        run_tool(TOOLS / 'test.py', log, *arguments, prefix=label)
    return read_json(str(metrics))


def check_same_config(config: Path, folder: Path, amp: bool) -> None:
    """Check that what lies in the folder of a run was made with the same config and precision.

    Raises:
        InputError: it was made with another one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = {
        folder / 'config.txt': read_config(str(config)).pretty_text,
        folder / 'precision.txt': 'half' if amp else 'float32',
    }
    if any(path.exists() and path.read_text(encoding='utf-8') != written[path] for path in written):
        raise InputError(
            f'{folder} holds a run of another version of {config}, or with another --amp; remove '
            'it or give another --work-dir'
        )
    for path, text in written.items():
        write_text(text, path)


def plus_minus(values: list[float]) -> str:
    """Mean and standard deviation (of a sample) of some values."""
    spread = f' ± {np.std(values, ddof=1):.3f}' if len(values) > 1 else ''
    return f'{np.mean(values):.3f}{spread}'


def make_table(results: dict[str, list[dict]]) -> str:
    """Markdown table of configs; the gain is that of AP over the baseline with the same seed."""
    baseline = [m['coco/AP'] for m in next(iter(results.values()))]
    measured = set().union(*(m for found in results.values() for m in found))
    names = {key: name for key, name in METRICS.items() if key in measured}
    rows = [['config', 'runs', *names.values(), 'gain'], ['---'] * (len(names) + 3)]
    for config, found in results.items():
        gains = [m['coco/AP'] - base for m, base in zip(found, baseline, strict=True)]
        cells = [plus_minus([m[key] for m in found]) if key in found[0] else '–' for key in names]
        rows.append([config, str(len(found)), *cells, plus_minus(gains)])
    return '\n'.join('| ' + ' | '.join(cells) + ' |' for cells in rows) + '\n'


def draw_plot(results: dict[str, list[dict]], path: Path) -> None:
    """A point for each run, a line at the mean of each config."""
    figure, axes = plt.subplots(figsize=(9, 1.2 + 0.5 * len(results)), layout='constrained')
    for row, found in enumerate(results.values()):
        values = [m['coco/AP'] for m in found]
        axes.plot(values, [row] * len(values), 'o', color='tab:blue', alpha=0.6)
        axes.plot([np.mean(values)] * 2, [row - 0.3, row + 0.3], color='tab:blue')
    axes.set(xlabel='keypoint AP: seeds and their mean')
    axes.set_yticks(range(len(results)), list(results))
    axes.invert_yaxis()
    axes.grid(axis='x', alpha=0.3)
    with atomic_write(path) as partial:
        figure.savefig(partial, dpi=130)
    plt.close(figure)


@exit_on_input_error
def main(argv=None):
    args = parse_args(argv)
    ensure_writable_dir(args.work_dir, '--work-dir')
    configs, folder = [Path(config) for config in args.configs], Path(args.work_dir)
    if len({config.stem for config in configs}) < len(configs):
        raise InputError('two configs have the same name; each needs a folder of its own')
    if len(set(args.seeds)) < len(args.seeds):
        raise InputError(f'--seeds {" ".join(map(str, args.seeds))}: give each seed once')
    for config in configs:
        cfg = read_config(str(config))
        cfg.work_dir = args.work_dir
        check_config(cfg, ('train', 'val', 'test'))
    results = {config.stem: [] for config in configs}
    for seed, config in itertools.product(args.seeds, configs):
        where = folder / config.stem / f'seed_{seed}'
        results[config.stem].append(run(config, seed, where, args.amp))
        write_json(dict(seeds=args.seeds, results=results), folder / 'ablation.json')
    table = make_table(results)
    write_text(table, folder / 'ablation.md')
    draw_plot(results, folder / 'ablation.png')
    print(f'\n{table}\nplot and numbers are in {folder}')


if __name__ == '__main__':
    main()
