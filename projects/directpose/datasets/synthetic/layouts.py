"""The people of COCO's images, as bodies that the synthetic set draws in their places.

A labels file is an ``.npz`` with one row for each person:

    image_id (N,) int; is_val2017 (N,) bool;
    size_wh (N, 2) int: of the image in pixels, 0 where it is not known;
    bbox_cxcywh (N, 4) float: centre and size of the box, in image widths and heights;
    kpt_xy (N, 17, 2) float: keypoints, in image widths and heights;
    kpt_v (N, 17): 0 not labelled, 1 covered, 2 seen.
"""

import zipfile
from typing import NamedTuple

import numpy as np

from ...utils.errors import InputError
from .body import (
    ANKLES,
    EARS,
    ELBOWS,
    FOREARM,
    HIP,
    HIPS,
    KNEES,
    SHIN,
    SHOULDER,
    SHOULDERS,
    THIGH,
    TORSO,
    UPPER_ARM,
    WRISTS,
    Body,
)

SHAPES = dict(
    image_id=(),
    is_val2017=(),
    size_wh=(2,),
    bbox_cxcywh=(4,),
    kpt_xy=(17, 2),
    kpt_v=(17,),
)

TALL = 200  # pixels; the poses of smaller people are less exact
MAX_POSES = 2000  # enough to find one alike, few enough to compare with each

# Two keypoints and their distance in body heights.
BONES = [(*SHOULDERS, 2 * SHOULDER), (*HIPS, 2 * HIP)] + [
    (starts[side], ends[side], length)
    for starts, ends, length in (
        (SHOULDERS, HIPS, TORSO),
        (SHOULDERS, ELBOWS, UPPER_ARM),
        (ELBOWS, WRISTS, FOREARM),
        (HIPS, KNEES, THIGH),
        (KNEES, ANKLES, SHIN),
    )
    for side in (0, 1)
]


class Layout(NamedTuple):
    """Where the N people of an image are.

    Attributes:
        image_id: of the image.
        width, height: of the image, in pixels.
        keypoints (N, 17, 2): in pixels; those that are not labelled are guessed.
        visible (N, 17): 0 not labelled, 1 covered, 2 seen.
        bottoms (N,): lower ends of the boxes, in pixels.
    """

    image_id: int
    width: int
    height: int
    keypoints: np.ndarray
    visible: np.ndarray
    bottoms: np.ndarray


def read_labels(path: str) -> dict[str, np.ndarray]:
    """The arrays of a labels file, without people who have no keypoint and those whose image's
    size is not known.

    Raises:
        InputError: it is no such file.
    """
    try:
        with np.load(path) as arrays:
            labels = {name: arrays[name] for name in SHAPES if name in arrays}
    except OSError as error:
        raise InputError(f'cannot read the labels {path} ({error}); check the path') from error
    except (ValueError, TypeError, zipfile.BadZipFile) as error:
        raise InputError(f'{path} is no .npz of plain arrays ({error})') from error
    missing = SHAPES.keys() - labels.keys()
    if missing:
        raise InputError(f'{path} lacks {sorted(missing)}: it is no file of pose labels')
    rows = len(labels['image_id'])
    for name, shape in SHAPES.items():
        if labels[name].shape != (rows, *shape):
            raise InputError(
                f'{path}: {name} has the shape {labels[name].shape}, not {(rows, *shape)}'
            )
        if labels[name].dtype.kind not in 'biuf':
            raise InputError(f'{path}: {name} holds {labels[name].dtype}, not numbers')
    if not np.isin(labels['kpt_v'], (0, 1, 2)).all():
        raise InputError(f'{path}: kpt_v has something else than 0, 1 and 2')
    known = (labels['size_wh'] > 0).all(1) & (labels['kpt_v'] > 0).any(1)
    labels = {name: array[known] for name, array in labels.items()}
    # integers of few bits would overflow
    return {name: a.astype(float) if a.ndim > 1 else a for name, a in labels.items()}


def choose_layouts(
    path: str, num_train: int, num_val: int, seed: int, long_side: int
) -> tuple[list[Layout], list[Layout]]:
    """Layouts of random images of COCO's train2017 and val2017.

    Args:
        path: labels file.
        num_train, num_val: how many of each.
        seed: of the choice.
        long_side: of the images, in pixels.

    Raises:
        InputError: the file cannot be used, or has fewer images.
    """
    if long_side < 32:
        raise InputError(f'images of {long_side} pixels are too small; at least 32 are needed')
    labels = read_labels(path)
    complete = complete_poses(labels)
    if not len(complete):
        raise InputError(
            f'{path} has nobody above {TALL} pixels with all keypoints, from whom to guess missing '
            'ones'
        )
    splits = []
    for name, number in (('train', num_train), ('val', num_val)):
        of_split = labels['is_val2017'] == (name == 'val')
        ids = np.unique(labels['image_id'][of_split])
        if number > len(ids):
            raise InputError(f'{path} has {len(ids)} {name} images, not {number}')
        chosen = np.random.default_rng(seed).permutation(ids)[:number]
        splits.append([make_layout(labels, complete, i, long_side) for i in sorted(chosen)])
    train, val = splits
    return train, val


def complete_poses(labels: dict[str, np.ndarray]) -> np.ndarray:
    """Poses (Q, 17) of tall people without a gap, as x + iy from their centre, in their extent."""
    heights = labels['bbox_cxcywh'][:, 3] * labels['size_wh'][:, 1]
    whole = (labels['kpt_v'] > 0).all(1) & (heights > TALL)
    points = labels['kpt_xy'][whole] * labels['size_wh'][whole, None]
    extent = np.ptp(points, axis=1).max(1)
    poses = (points[..., 0] + 1j * points[..., 1]) / extent[:, None]
    return (poses - poses.mean(1, keepdims=True))[:MAX_POSES]


def make_layout(
    labels: dict[str, np.ndarray], complete: np.ndarray, image_id: int, long_side: int
) -> Layout:
    """The layout of an image, its longer side made ``long_side`` pixels."""
    rows = labels['image_id'] == image_id
    size = labels['size_wh'][rows][0]
    size = np.round(size * long_side / size.max()).astype(int)
    boxes = labels['bbox_cxcywh'][rows] * np.tile(size, 2)
    points, visible = labels['kpt_xy'][rows] * size, labels['kpt_v'][rows].astype(int)
    people = zip(points, visible > 0, boxes, strict=True)
    points = [fill_gaps(*person, complete) for person in people]
    bottoms = boxes[:, 1] + boxes[:, 3] / 2
    width, height = size.tolist()
    return Layout(int(image_id), width, height, np.stack(points), visible, bottoms)


def fill_gaps(
    points: np.ndarray, known: np.ndarray, box: np.ndarray, complete: np.ndarray
) -> np.ndarray:
    """Guess missing keypoints from the complete pose that fits those there are best.

    Each complete pose z is turned, scaled and moved, a z + b with complex a, to the known
    keypoints w by least squares. Where they are few, a stays near an upright pose as large as
    the box: its difference from that counts like one keypoint's.

    Args:
        points (17, 2), known (17,): keypoints, and whether they are labelled; at least one is.
        box (4,): centre and size.
        complete (Q, 17): complex poses, centred, of extent 1.

    Returns:
        (17, 2)
    """
    target = points[known] @ [1, 1j]
    poses = complete[:, known]
    w, z = target - target.mean(), poses - poses.mean(1, keepdims=True)
    upright, weight = box[2:].max(), (abs(complete) ** 2).mean(1)
    scales = ((z.conj() @ w) + weight * upright) / ((abs(z) ** 2).sum(1) + weight)
    residuals = (abs(w - scales[:, None] * z) ** 2).sum(1) + weight * abs(scales - upright) ** 2
    best = residuals.argmin()
    guess = scales[best] * (complete[best] - poses[best].mean()) + target.mean()
    return np.where(known[:, None], points, np.stack((guess.real, guess.imag), 1))


def body_of(keypoints: np.ndarray, visible: np.ndarray) -> tuple[Body, float]:
    """The body with the given keypoints.

    Foreshortening only makes limbs shorter, so the person is as large as the longer of them
    say. What is labelled as covered is put behind the torso.

    Args:
        keypoints (17, 2): in pixels.
        visible (17,): 0 not labelled, 1 covered, 2 seen.

    Returns:
        The body, and its height, standing, in pixels.
    """
    heights = [np.hypot(*(keypoints[i] - keypoints[j])) / length for i, j, length in BONES]
    size = max(np.quantile(heights, 0.75), 1.0)
    depth = np.array([0.0, -0.1, 0.1])[visible]
    points = np.concatenate((keypoints / size, depth[:, None]), 1)
    facing = np.where(visible[:5] > 0, 1.0, -1.0)
    return Body(points, facing, points[list(EARS)].mean(0), points[list(SHOULDERS)].mean(0)), size
