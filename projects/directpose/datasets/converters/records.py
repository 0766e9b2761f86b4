"""What every reader of labels gives, and COCO's form of it."""

import math
import os.path as osp
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import cv2
import numpy as np

from ...utils.images import sizes_of
from ...utils.similarity import BOX_FILL
from ..categories import other_side

# What reading a record of another form than expected ends in.
MALFORMED = (KeyError, IndexError, TypeError, AttributeError, OverflowError)

COCO_NAMES = ['nose'] + [
    f'{side}_{part}'
    for part in ('eye', 'ear', 'shoulder', 'elbow', 'wrist', 'hip', 'knee', 'ankle')
    for side in ('left', 'right')
]


class Skeleton(NamedTuple):
    """Keypoints of a set.

    Attributes:
        names: K of them, in order.
        swaps: of each keypoint, by its index, that of the other side; itself without one.
        limbs: pairs of indices.
    """

    names: list[str]
    swaps: list[int]
    limbs: list[tuple[int, int]]


class Person(NamedTuple):
    """A labelled object, in pixels.

    Attributes:
        label: name of its class.
        points: (x, y, v) by keypoint name; v is 1 where hidden, 2 where seen.
        box: x, y, width, height; None if there is none.
    """

    label: str
    points: Mapping[str, tuple[float, float, int]]
    box: tuple[float, float, float, float] | None


class Picture(NamedTuple):
    """An image.

    Attributes:
        file_name: relative to the folder of the images.
        size: (width, height).
        people: in it.
        split: ``train``, ``val`` or ``test``, where the labels have splits.
    """

    file_name: str
    size: tuple[int, int]
    people: list[Person]
    split: str | None = None


class Problem(NamedTuple):
    """A label that cannot be used: where it stands, and why."""

    where: str
    what: str

    def __str__(self) -> str:
        return f'{self.where}: {self.what}'


class Labels(NamedTuple):
    """All labels of a set.

    Attributes:
        skeleton: of all classes.
        classes: their names, in order.
        pictures: of the set.
        problems: what was left out.
        root: the folder of the images.
    """

    skeleton: Skeleton
    classes: list[str]
    pictures: list[Picture]
    problems: list[Problem]
    root: str


def make_skeleton(names: list[str], limbs: Iterable[tuple[int, int]] = ()) -> Skeleton:
    """A skeleton whose swaps follow from the names."""
    swaps = [names.index(other_side(name, names) or name) for name in names]
    return Skeleton(names, swaps, list(limbs))


def usual_names(count: int) -> list[str]:
    """Names where a set has none: COCO's for 17 keypoints, else numbers."""
    return list(COCO_NAMES) if count == len(COCO_NAMES) else [f'keypoint_{k}' for k in range(count)]


def in_order(names: Iterable[str]) -> list[str]:
    """Names that were met, each once: in COCO's order if they are of COCO, else as they came."""
    met = list(dict.fromkeys(names))
    return list(COCO_NAMES) if met and set(met) <= set(COCO_NAMES) else met


def image_size(path: str) -> tuple[int, int]:
    """Width and height of an image as OpenCV reads it: photos are turned as their EXIF says.

    Raises:
        OSError: it is no image.
    """
    with open(path, 'rb') as file:
        _, upright = sizes_of(file)
    if upright:
        return upright
    # Of more pixels than Pillow takes
    pixels = cv2.imread(path)
    if pixels is None:
        raise OSError(f'{path} is not an image that OpenCV reads')
    return pixels.shape[1], pixels.shape[0]


def size_of(path: str, stated: tuple[float, float] | None) -> tuple[int, int]:
    """Size of an image, from the file where it is, else as its labels state it.

    Raises:
        ValueError: there is neither.
    """
    try:
        return image_size(path)
    except OSError as error:
        if stated and not osp.exists(path):
            return int(stated[0]), int(stated[1])
        kind = 'is no image' if osp.exists(path) else 'is missing'
        raise ValueError(f'the image {path} {kind}') from error


def in_image(point: tuple[float, float], size: tuple[int, int]) -> bool:
    """Whether a point is a number, and not farther outside than a rounding."""
    return all(
        math.isfinite(v) and -1 <= v <= side + 1 for v, side in zip(point, size, strict=True)
    )


def box_of(points: Iterable[tuple[float, float, int]]) -> tuple[float, float, float, float]:
    """The least box (x, y, width, height) around some points, at least a pixel wide and high."""
    xy = np.array([point[:2] for point in points])
    low, side = xy.min(0), np.ptp(xy, 0).clip(min=1)
    return float(low[0]), float(low[1]), float(side[0]), float(side[1])


def to_coco(labels: Labels, pictures: list[Picture]) -> dict:
    """COCO's form of some of the pictures.

    A person without a box gets that around its keypoints; the area is the usual share of the box.
    """
    names = labels.skeleton.names
    limbs = [[a + 1, b + 1] for a, b in labels.skeleton.limbs]
    categories = [
        dict(id=number, name=name, keypoints=names, skeleton=limbs)
        for number, name in enumerate(labels.classes, 1)
    ]
    images: list[dict] = []
    annotations: list[dict] = []
    for image_id, picture in enumerate(pictures, 1):
        width, height = picture.size
        images.append(dict(id=image_id, file_name=picture.file_name, width=width, height=height))
        for person in picture.people:
            box = person.box or box_of(person.points.values())
            flat = [v for name in names for v in person.points.get(name, (0, 0, 0))]
            annotations.append(
                dict(
                    id=len(annotations) + 1,
                    image_id=image_id,
                    category_id=labels.classes.index(person.label) + 1,
                    bbox=[round(v, 3) for v in box],
                    area=round(BOX_FILL * max(box[2], 1) * max(box[3], 1), 3),
                    iscrowd=0,
                    keypoints=[round(v, 3) for v in flat],
                    num_keypoints=sum(v > 0 for v in flat[2::3]),
                )
            )
    return dict(images=images, annotations=annotations, categories=categories)
