"""A synthetic COCO-format keypoint set, made of nothing but a seed.

People of posable limbs stand, walk and sit before cluttered backgrounds, one to ten to an
image, overlapping each other, covered by things and cut by the border, or as the people of COCO do.
Left limbs are of warm colours, right limbs of cool ones. Each image depends on the seed and its
own number only.
"""

import functools
import itertools
import multiprocessing
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from tqdm import tqdm

from ...utils.errors import InputError
from ...utils.io import write_image, write_json
from .body import sample_body
from .layouts import Layout, body_of, choose_layouts
from .render import (
    OBJECT,
    PARTS_OF_KEYPOINT,
    Canvas,
    draw_background,
    draw_body,
    draw_clutter,
    finish,
    sample_clothes,
)

SIDED = ('eye', 'ear', 'shoulder', 'elbow', 'wrist', 'hip', 'knee', 'ankle')
KEYPOINTS = ['nose'] + [f'{side}_{name}' for name in SIDED for side in ('left', 'right')]
SHAPES = ((256, 256), (240, 288), (288, 240), (224, 304))  # (h, w)
HEIGHTS = (96, 300)  # of the standing body, in pixels
LONG_SIDE = 320  # of images in COCO's layouts


class Scenes(NamedTuple):
    """How hard the images are.

    Attributes:
        people: weights of 1, 2, … people in an image.
        covered: the share of the images with things in front of the people.
        min_visible: the share of what is seen of a person that the next one must leave.
        guess_radius: how far under a cover a keypoint is labelled, in body heights. Far under it
            lies outside of the box, which goes round what is seen.
    """

    people: tuple[int, ...]
    covered: float
    min_visible: float
    guess_radius: float


SCENES = dict(
    plain=Scenes((6, 6, 5, 4, 3, 2, 2, 2), 0.4, 0.4, 0.04),
    hard=Scenes((0, 0, 2, 4, 4, 4, 3, 3, 2, 2), 1.0, 0.25, 0.2),
)


def make_image(seed: int, number: int, scenes: str = 'plain') -> tuple[np.ndarray, list[dict]]:
    """Image (H, W, 3), BGR, and its COCO keypoint annotations without ids.

    Args:
        seed: of the set.
        number: of the image within the set.
        scenes: a name in ``SCENES``.
    """
    rng, chosen = np.random.default_rng((seed, number)), SCENES[scenes]
    canvas = draw_background(SHAPES[rng.integers(len(SHAPES))], rng)
    weights = np.array(chosen.people)
    wanted = rng.choice(np.arange(1, len(weights) + 1), p=weights / weights.sum())
    people = place_people(canvas, rng, wanted, chosen.min_visible)
    if rng.random() < chosen.covered:
        for _ in range(rng.integers(1, 4)):
            draw_clutter(canvas, rng, OBJECT, rng.uniform(0.1, 0.3) * min(canvas.owners.shape))
    annotations = [annotate(canvas, *person, chosen.guess_radius) for person in people]
    return finish(canvas.image, rng), [a for a in annotations if a['area'] > 0]


def draw_layout(seed: int, layout: Layout) -> tuple[np.ndarray, list[dict]]:
    """Image and annotations like :func:`make_image`'s, of the people of one of COCO's images.

    Who reaches further down stands nearer. What COCO does not label is drawn, but not labelled.
    """
    rng = np.random.default_rng((seed, layout.image_id))
    canvas = draw_background((layout.height, layout.width), rng)
    people = []
    for row in layout.bottoms.argsort():
        keypoints, visible = layout.keypoints[row], layout.visible[row]
        body, size = body_of(keypoints, visible)
        project = functools.partial(project_points, size=size, middle=np.zeros(2))
        draw_body(canvas, body, project, size, row + 1, sample_clothes(rng))
        people.append((row + 1, keypoints, visible > 0, size))
    radius = SCENES['hard'].guess_radius
    annotations = [annotate(canvas, *person, radius) for person in people]
    return finish(canvas.image, rng), [a for a in annotations if a['area'] > 0]


def place_people(
    canvas: Canvas, rng: np.random.Generator, wanted: int, min_visible: float
) -> list[tuple[int, np.ndarray, np.ndarray, float]]:
    """Draw people, the farthest first: a person who stands nearer is larger and lower.

    Returns:
        (owner, keypoints (17, 2) in pixels, whether they are on the near side of the head (17,),
        height in pixels) of each person.
    """
    height, width = canvas.owners.shape
    largest = HEIGHTS[1] / max(1.0, wanted / 2) ** 0.5
    sizes = sorted(np.exp(rng.uniform(np.log(HEIGHTS[0]), np.log(largest), wanted)))
    people: list[tuple] = []
    for size in sizes:
        body, clothes = sample_body(rng), sample_clothes(rng)
        for _ in range(6):
            middle = rng.uniform((0.08 * width, 0.2 * height), (0.92 * width, 0.8 * height))
            project = functools.partial(project_points, size=size, middle=middle)
            owner = len(people) + 1
            trial = Canvas(*(layer.copy() for layer in canvas))
            draw_body(trial, body, project, size, owner, clothes)
            if all_still_seen(canvas, trial, owner, min_visible):
                for layer, new in zip(canvas, trial, strict=True):
                    layer[:] = new
                near = np.append(body.facing > 0, np.ones(12, bool))
                people.append((owner, project(body.keypoints), near, size))
                break
    return people


def project_points(points: np.ndarray, size: float, middle: np.ndarray) -> np.ndarray:
    """Pixels (..., 2) of body points (..., 3), seen from far away; the hips are at ``middle``."""
    return np.asarray(points)[..., :2] * size + middle


def all_still_seen(before: Canvas, after: Canvas, new_owner: int, min_visible: float) -> bool:
    """Whether nobody placed earlier loses too much, and the new person is in the picture."""
    for owner in range(1, new_owner):
        if (after.owners == owner).sum() < min_visible * (before.owners == owner).sum():
            return False
    return (after.owners == new_owner).sum() > 150


def annotate(
    canvas: Canvas,
    owner: int,
    keypoints: np.ndarray,
    candidates: np.ndarray,
    size: float,
    guess_radius: float,
) -> dict:
    """COCO annotation of a person: box and area of what is seen, keypoints with visibility.

    2: the part of the body that bears the keypoint is the topmost thing there; 1: it is covered,
    by the body itself or by something that leaves a part of the person in sight nearby; 0: out
    of the picture, no candidate, or so far under a cover that nobody could tell.
    """
    rows, columns = np.nonzero(canvas.owners == owner)
    labels = []
    for k, point in enumerate(np.round(keypoints, 2)):
        visibility = 0
        if candidates[k]:
            visibility = look_up(canvas, owner, point, PARTS_OF_KEYPOINT[k], guess_radius * size)
        labels += [*point.tolist(), visibility] if visibility else [0, 0, 0]
    box = [0, 0, 0, 0]
    if len(rows):
        box = [columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1]
    return dict(
        category_id=1,
        iscrowd=0,
        bbox=[int(v) for v in box],
        area=len(rows),
        keypoints=labels,
        num_keypoints=sum(v > 0 for v in labels[2::3]),
    )


def look_up(canvas: Canvas, owner: int, point: np.ndarray, parts: set[int], radius: float) -> int:
    """Visibility (2, 1 or 0) of a keypoint (2,) borne by ``parts``; see :func:`annotate`."""
    height, width = canvas.owners.shape
    column, row = np.round(point).astype(int)
    inside = 0 <= column < width and 0 <= row < height and (point >= 0).all()
    if not inside:
        return 0
    if canvas.owners[row, column] == owner and canvas.parts[row, column] in parts:
        return 2
    low = np.floor(point - radius).astype(int).clip(0)
    high = np.ceil(point + radius).astype(int) + 1
    return int((canvas.owners[low[1] : high[1], low[0] : high[0]] == owner).any())


def _write_image(job: tuple[int, Callable], folder: Path) -> tuple[dict, list[dict]]:
    """Make and write the image of a number; its COCO records."""
    number, draw = job
    cv2.setNumThreads(1)
    image, annotations = draw()
    name = f'{number:06d}.jpg'
    write_image(image, folder / name, quality=93)
    height, width = image.shape[:2]
    return dict(id=number, file_name=name, width=width, height=height), annotations


def leave_to_parent() -> None:
    """Let Ctrl-C end a worker by its parent only, which says so."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def make_synthetic_set(
    out: str,
    num_train: int,
    num_val: int,
    seed: int = 0,
    workers: int | None = None,
    scenes: str = 'plain',
    unlabelled: float = 0.0,
) -> None:
    """Write a set of people in poses and places of our own.

    Args:
        out, workers: see :func:`write_set`.
        num_train, num_val: images of the two splits; the last ``num_val`` are held out.
        seed: the same seed gives the same bytes.
        scenes: a name in ``SCENES``.
        unlabelled: share of the training people who have a box and no labelled keypoint.

    Raises:
        InputError: the folder exists or cannot be made.
    """
    jobs = [
        (number, functools.partial(make_image, seed, number, scenes))
        for number in range(1, num_train + num_val + 1)
    ]
    about = f'synthetic people, {scenes} scenes, seed {seed}'
    splits = dict(train=jobs[:num_train], val=jobs[num_train:])
    write_set(out, splits, about, workers, unlabelled)


def make_coco_layout_set(
    out: str,
    labels: str,
    num_train: int,
    num_val: int,
    seed: int = 0,
    workers: int | None = None,
    long_side: int = LONG_SIDE,
) -> None:
    """Write a set of drawn people in the poses and places of COCO's.

    Args:
        out, workers: see :func:`write_set`.
        labels: labels file, see :mod:`.layouts`.
        num_train, num_val: images with layouts of train2017 and of val2017.
        seed: the same seed and labels give the same bytes.
        long_side: of the images, in pixels.

    Raises:
        InputError: the labels cannot be used, the folder exists or cannot be made.
    """
    check_absent(out)
    splits = choose_layouts(labels, num_train, num_val, seed, long_side)
    jobs = {
        name: [(x.image_id, functools.partial(draw_layout, seed, x)) for x in layouts]
        for name, layouts in zip(('train', 'val'), splits, strict=True)
    }
    write_set(out, jobs, f"synthetic people in COCO's poses and places, seed {seed}", workers)


def check_absent(out: str) -> None:
    """Check that a folder does not exist.

    Raises:
        InputError: it does.
    """
    if Path(out).exists():
        raise InputError(f'{out} exists already; remove it or give another folder')


def write_set(
    out: str,
    splits: dict[str, list[tuple[int, Callable]]],
    about: str,
    workers: int | None,
    unlabelled: float = 0.0,
) -> None:
    """Write ``OUT/images/*.jpg`` and ``OUT/annotations/SPLIT.json``, whole or not at all.

    Args:
        out: folder that does not exist yet.
        splits: of each split, the numbers of the images and the functions that make them.
        about: description of the set.
        workers: processes; all cores by default. The bytes do not depend on it.
        unlabelled: share of the people of the split ``'train'`` whose labels are removed.

    Raises:
        InputError: the folder exists or cannot be made.
    """
    check_absent(out)
    folder = Path(out)
    partial = folder.with_name(f'{folder.name}.partial')
    shutil.rmtree(partial, ignore_errors=True)
    try:
        (partial / 'annotations').mkdir(parents=True)
        (partial / 'images').mkdir()
    except OSError as error:
        raise InputError(f'cannot make the folder {out}: {error.strerror}') from error

    write = functools.partial(_write_image, folder=partial / 'images')
    jobs = [job for split in splits.values() for job in split]
    with multiprocessing.get_context('spawn').Pool(workers, leave_to_parent) as pool:
        made = pool.imap(write, jobs, chunksize=8)
        records = iter(list(tqdm(made, total=len(jobs), desc='synthetic images')))
    for name, split in splits.items():
        of_split = list(itertools.islice(records, len(split)))
        if name == 'train':
            remove_labels([a for _, found in of_split for a in found], unlabelled)
        write_annotations(of_split, partial / f'annotations/{name}.json', about)
    os.replace(partial, folder)


def remove_labels(annotations: list[dict], share: float) -> None:
    """Make the keypoints of a share of the people unlabelled; their boxes and areas stay."""
    count = round(share * len(annotations))
    for number in np.random.default_rng(0).choice(len(annotations), count, replace=False):
        annotations[number].update(keypoints=[0] * 3 * len(KEYPOINTS), num_keypoints=0)


def write_annotations(records: list[tuple], path: Path, about: str) -> None:
    """Write a COCO keypoint JSON of (image, annotations) records."""
    annotations = [dict(id=0, image_id=image['id'], **a) for image, found in records for a in found]
    for number, annotation in enumerate(annotations, 1):
        annotation['id'] = number
    person = dict(id=1, name='person', supercategory='person', keypoints=KEYPOINTS, skeleton=[])
    coco = dict(
        info=dict(description=about),
        licenses=[],
        images=[image for image, _ in records],
        annotations=annotations,
        categories=[person],
    )
    write_json(coco, path)
