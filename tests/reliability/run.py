"""Kill a training at many moments and feed broken files by the hundreds; tells what came of it.

    PYTHONPATH=tests python -m reliability.run [--kills 10] [--mutations 1000] [--out FOLDER]

Leaves in the folder: fault_tolerance.md, and reliability.json with every case.
"""

import argparse
import random
import shutil
import sys
from collections import Counter
from pathlib import Path

import torch
from directpose.datasets.synthetic.scenes import make_synthetic_set
from directpose.utils.io import write_json, write_text
from helpers.commands import CONFIG, data_options
from tqdm import tqdm

from .fuzz import bad_outcomes, fuzz
from .kills import MOMENTS, train_through_kills, weights

EPOCHS = 8
MANY_EPOCHS = 20  # of the training that is killed at random times
KINDS = dict(annotations=0.5, images=0.3, configs=0.2)  # shares of the mutations


def parse_args(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--kills', type=int, default=10, help='at random times (%(default)s)')
    parser.add_argument('--mutations', type=int, default=1000, help='of files (%(default)s)')
    parser.add_argument('--out', default='work_dirs/reliability', help='folder to write to')
    return parser.parse_args(argv)


def arguments(data: Path, epochs: int = EPOCHS) -> list[str]:
    """Of tools/train.py."""
    workers = ['train_dataloader.num_workers=1', 'train_dataloader.persistent_workers=True']
    options = [*workers, f'train_cfg.max_epochs={epochs}', 'randomness.seed=1']
    return [CONFIG, '--cfg-options', *data_options(data), *options]


def kill_at_every_moment(data: Path, folder: Path) -> list[dict]:
    """Kill a training at each moment, at one of its occurrences, and let it end."""
    rng, rows, last = random.Random(0), [], f'epoch_{EPOCHS}.pth'
    for moment in tqdm(MOMENTS, 'moments'):
        work_dir = folder / moment.replace(' ', '_')
        done = train_through_kills(arguments(data), work_dir, [(moment, rng.randint(1, 6))])
        equal = same_weights(work_dir / last, folder / 'undisturbed' / last)
        rows.append(dict(moment=moment, epochs_kept=done, equal=equal))
    return rows


def kill_at_random_times(data: Path, folder: Path, number: int) -> dict:
    """Kill one training many times, each within 2.5 epochs of its first step."""
    undisturbed, work_dir = folder / 'many_undisturbed', folder / 'many'
    train_through_kills(arguments(data, MANY_EPOCHS), undisturbed, [])
    last_two = [undisturbed / f'epoch_{n}.pth' for n in (MANY_EPOCHS - 1, MANY_EPOCHS)]
    before, last = (path.stat().st_mtime for path in last_two)
    rng = random.Random(1)
    kills = [('seconds', rng.uniform(0, 2.5 * (last - before))) for _ in range(number)]
    done = train_through_kills(arguments(data, MANY_EPOCHS), work_dir, tqdm(kills, 'random times'))
    times = [round(after, 2) for _, after in kills]
    equal = same_weights(work_dir / last_two[1].name, last_two[1])
    return dict(seconds=times, epochs_kept=done, equal=equal)


def same_weights(first: Path, second: Path) -> bool:
    """Whether two checkpoints have the same weights, bit for bit."""
    found, expected = weights(first), weights(second)
    return all(torch.equal(found[name], expected[name]) for name in expected)


def summary(kills: list[dict], times: dict, fuzzed: dict[str, dict]) -> str:
    """Everything as Markdown."""
    lines = ['| killed | epochs kept | the same weights in the end |', '| --- | --- | --- |']
    rows = [*kills, dict(moment=f'{len(times["seconds"])} random times', **times)]
    for row in rows:
        kept = ', '.join(map(str, row['epochs_kept']))
        lines.append(f'| {row["moment"]} | {kept} | {"yes" if row["equal"] else "NO"} |')
    lines += ['', '| mutated | cases | outcomes | neither a sentence nor right |']
    lines += ['| --- | --- | --- | --- |']
    for kind, outcomes in fuzzed.items():
        counts = Counter(outcome for outcome, _ in outcomes.values())
        told = ', '.join(f'{name} {count}' for name, count in counts.most_common())
        bad = bad_outcomes(kind, outcomes)
        lines.append(f'| {kind} | {len(outcomes)} | {told} | {len(bad)} |')
    return '\n'.join(lines) + '\n'


def main(argv=None):
    args = parse_args(argv)
    folder = Path(args.out).resolve()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    data = folder / 'data'
    make_synthetic_set(str(data), 8, 4, seed=3)

    train_through_kills(arguments(data), folder / 'undisturbed', [])
    kills = kill_at_every_moment(data, folder)
    times = kill_at_random_times(data, folder, args.kills)
    fuzzed = {
        kind: fuzz(kind, list(range(round(share * args.mutations))), data, folder)
        for kind, share in KINDS.items()
    }
    text = summary(kills, times, fuzzed)
    write_json(dict(kills=kills, random_times=times, mutations=fuzzed), folder / 'reliability.json')
    write_text(text, folder / 'fault_tolerance.md')
    print(f'\n{text}\nevery case is in {folder / "reliability.json"}')
    bad = any(bad_outcomes(kind, outcomes) for kind, outcomes in fuzzed.items())
    sys.exit(int(bad or not all(row['equal'] for row in [*kills, times])))


if __name__ == '__main__':
    main()
