"""Mutated annotations, images and configs, through loading, a training step and the demo.

Each case must end in a sentence (InputError) or in a correct result: finite losses, finite
weights after a step, finite people. Cases run in child processes, so that a crash in native code or
a hang is seen too.
"""

import copy
import faulthandler
import json
import random
import shutil
from pathlib import Path

import cv2
import numpy as np
import torch
from directpose.apis.inference import detect, read_image
from directpose.datasets.metainfo import parse_metainfo
from directpose.utils.errors import InputError
from directpose.validation.config import check_config
from helpers.commands import CONFIG, ROOT
from helpers.subprocess_utils import run_in_child
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from mmpose.registry import DATASETS, MODELS

STRANGE = [
    None,
    True,
    -1,
    0,
    3,
    1e30,
    -1e-30,
    10**20,
    float('nan'),
    float('inf'),
    '',
    'x',
    '１２',
    [],
    [[]],
    {},
    {'size': [10, 10], 'counts': 'abc'},
    [1, 2, 3],
    [0] * 51,
    [-5.5] * 51,
    [1e9] * 51,
]


class UntoldError(Exception):
    """A check ended in something else than a sentence."""


class NotFiniteError(Exception):
    """Something is infinite or no number, and nobody said so."""


def random_path(tree, rng: random.Random) -> list:
    """The way to something in nested lists and dicts; near the root as likely as deep inside."""
    path, node = [], tree
    while node and isinstance(node, dict | list) and (not path or rng.random() < 0.8):
        path.append(rng.choice(list(node) if isinstance(node, dict) else range(len(node))))
        node = node[path[-1]]
    return path


def mutate_tree(tree, rng: random.Random):
    """A copy with one to three things in it deleted, doubled or replaced."""
    tree = copy.deepcopy(tree)
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        if not tree:
            break
        *way, key = random_path(tree, rng)
        parent = tree
        for step in way:
            parent = parent[step]
        action = rng.random()
        if action < 0.2:
            del parent[key]
        elif action < 0.3 and isinstance(parent, list):
            parent.insert(key, copy.deepcopy(parent[key]))
        elif action < 0.45 and type(parent[key]) in (int, float):
            parent[key] *= rng.choice([-1, 1e-3, 0.5, 10, 1e6])
        else:
            parent[key] = copy.deepcopy(rng.choice(STRANGE))
    return tree


def mutate_bytes(content: bytes, rng: random.Random) -> bytes:
    """Cut, changed or doubled somewhere."""
    place = rng.randrange(len(content))
    return rng.choice(
        [
            content[:place],
            content[:place] + rng.randbytes(rng.choice([1, 1, 4, 30])) + content[place + 1 :],
            content[:place] + content[max(0, place - 50) :],
            b'',
        ]
    )


def mutate_annotations(source: Path, rng: random.Random) -> bytes:
    """An annotation file that is no longer right, or perhaps still is."""
    if rng.random() < 0.2:
        return mutate_bytes(source.read_bytes(), rng)
    return json.dumps(mutate_tree(json.loads(source.read_text()), rng)).encode()


def mutate_image(source: Path, rng: random.Random) -> bytes:
    """An image file that is broken, of another kind or of an odd size."""
    content, image = source.read_bytes(), cv2.imread(str(source))
    shape = rng.choice([(1, 1), (1, 7), (10, 20000), (20000, 10), (3, 500), (31, 33)])
    height, width = image.shape[:2]
    others = [
        (cv2.resize(image, shape[::-1]), '.jpg'),
        (cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), '.png'),
        (np.dstack([image, image[..., :1]]), '.png'),
        (image.astype(np.uint16) * 257, '.png'),
        (cv2.resize(image, (width // 2, height)), '.jpg'),
        (image, rng.choice(['.png', '.webp', '.bmp', '.tiff'])),
    ]
    if rng.random() < 0.4:
        picture, suffix = rng.choice(others)
        return cv2.imencode(suffix, picture)[1].tobytes()
    content = rng.choice([content, cv2.imencode('.png', image)[1].tobytes()])
    return rng.choice([mutate_bytes(content, rng), bytes(len(content)), rng.randbytes(500)])


def small_config(data: Path) -> Config:
    """The config of the harness: a batch is all of the training images."""
    cfg = Config.fromfile(ROOT / CONFIG)
    for split, name in (('train', 'train'), ('val', 'val'), ('test', 'val')):
        loader = cfg[f'{split}_dataloader']
        loader.update(num_workers=0, persistent_workers=False, batch_size=8)
        loader.dataset.data_root = f'{data}/'
        if split != 'train':
            cfg[f'{split}_evaluator'].ann_file = f'{data}/annotations/{name}.json'
    cfg.work_dir = str(data / 'work')
    return cfg


def train_step(cfg: Config) -> str:
    """Check the data, load them, make a training step; what came out of it.

    Raises:
        InputError: they are refused.
        UntoldError: the check failed.
        NotFiniteError: a loss or a weight is no number.
    """
    try:
        check_config(cfg, ('train',))
    except InputError:
        raise
    except Exception as error:
        raise UntoldError(f'{type(error).__name__}: {error}') from error
    loader = cfg.train_dataloader
    dataset = DATASETS.build(loader.dataset)
    samples = [dataset[i] for i in range(min(len(dataset), loader.batch_size))]
    if not samples:
        return 'nothing to train on'
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    optimizer = torch.optim.SGD(model.parameters(), 1e-3)
    data = model.data_preprocessor(pseudo_collate(samples), training=True)
    losses = model.loss(data['inputs'], data['data_samples'])
    sum(sum(v) if isinstance(v, list) else v.sum() for v in losses.values()).backward()
    optimizer.step()
    for name, value in [*losses.items(), *model.state_dict().items()]:
        if not torch.isfinite(torch.as_tensor(value)).all():
            raise NotFiniteError(name)
    return 'trained'


class Cases:
    """One kind of cases on a copy of a small set; each is called with a seed."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.cfg = small_config(data)

    def annotations(self, rng: random.Random) -> str:
        """A mutated annotation file."""
        path = self.data / 'annotations/train.json'
        original = self.data / 'original.json'
        if not original.exists():
            shutil.copy(path, original)
        path.write_bytes(mutate_annotations(original, rng))
        return train_step(self.cfg)

    def images(self, rng: random.Random) -> str:
        """A mutated image, in the training and in the demo."""
        path = rng.choice(sorted((self.data / 'images').iterdir()))
        original = path.read_bytes()
        path.write_bytes(mutate_image(path, rng))
        try:
            return f'{self._demo(path)}, {train_step(self.cfg)}'
        finally:
            path.write_bytes(original)

    def _demo(self, path: Path) -> str:
        """What the demo does with an image file."""
        try:
            image = read_image(str(path))
        except InputError:
            return 'refused by the demo'
        people = detect(self._detector(), image, 0.0).pred_instances
        if not all(np.isfinite(people[name]).all() for name in ('bboxes', 'keypoints')):
            raise NotFiniteError('people')
        return f'detected in {image.shape}'

    def _detector(self):
        """The model of the demo, with random weights."""
        model = MODELS.build(self.cfg.model).eval()
        model.cfg, model.dataset_meta = self.cfg, parse_metainfo(self.cfg.model.metainfo)
        return model

    def configs(self, rng: random.Random) -> str:
        """A mutated config."""
        parts = {k: self.cfg[k] for k in ('model', 'train_dataloader')}
        mutated = mutate_tree(Config(parts).to_dict(), rng)
        cfg = self.cfg.copy()
        for key in parts:
            cfg.pop(key)
        cfg.merge_from_dict(mutated)
        return train_step(cfg)


def run_cases(kind: str, seeds: list[int], data: Path, results: Path) -> None:
    """Run cases in this process; a line of the results file when one begins and when it ends."""
    init_default_scope('mmpose')
    torch.set_num_threads(1)
    cases = Cases(data)
    with open(results, 'a') as file:
        for seed in seeds:
            print(json.dumps([seed, 'begun', '']), file=file, flush=True)
            faulthandler.dump_traceback_later(60, exit=True)
            try:
                outcome = 'done', getattr(cases, kind)(random.Random(seed))
            except InputError as error:
                outcome = 'refused', str(error)
            except Exception as error:
                # mmpose's own way to name an image whose inside is broken
                broken = 'failed to load image' in str(error)
                outcome = 'refused' if broken else type(error).__name__, str(error)
            print(json.dumps([seed, *outcome]), file=file, flush=True)
            faulthandler.cancel_dump_traceback_later()


def bad_outcomes(kind: str, outcomes: dict[int, tuple[str, str]]) -> dict[int, tuple[str, str]]:
    """The cases that ended in neither a sentence nor a correct result.

    What a config's classes take when they are built, they may still refuse in the first step.
    """
    allowed, bad = {'done', 'refused'}, {'crash', 'UntoldError', 'NotFiniteError'}
    return {
        seed: (outcome, message)
        for seed, (outcome, message) in outcomes.items()
        if outcome in bad or (kind != 'configs' and outcome not in allowed)
    }


def fuzz(kind: str, seeds: list[int], source: Path, folder: Path) -> dict[int, tuple[str, str]]:
    """Outcome and message of each case; 'crash' where the process died or hung.

    Args:
        kind: ``'annotations'``, ``'images'`` or ``'configs'``.
        seeds: of the cases.
        source: a small synthetic set; it is copied.
        folder: to work in.
    """
    data, results, log = folder / kind, folder / f'{kind}.jsonl', folder / f'{kind}.log'
    shutil.copytree(source, data)
    results.touch()
    outcomes = {}
    while len(outcomes) < len(seeds):
        left = [seed for seed in seeds if seed not in outcomes]
        before = results.stat().st_size
        run_in_child(run_cases, kind, left, data, results, log=log, timeout=3600)
        assert results.stat().st_size > before, log.read_text()[-3000:]  # else it would never end
        for line in results.read_text().splitlines():
            seed, outcome, message = json.loads(line)
            outcomes[seed] = (outcome if outcome != 'begun' else 'crash', message)
    return outcomes
