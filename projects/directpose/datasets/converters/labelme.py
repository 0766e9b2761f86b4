"""Labels of labelme: a JSON file an image, points and rectangles that share a ``group_id``."""

import os.path as osp
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from ...utils.errors import InputError
from ...utils.io import read_json
from .records import (
    MALFORMED,
    Labels,
    Person,
    Picture,
    Problem,
    in_image,
    in_order,
    make_skeleton,
    size_of,
)

USUAL_CLASS = 'person'


def read_labelme(source: str, images: str | None, progress: Callable) -> Labels:
    """Read a folder of JSON files.

    Points of one group are a person, whose class and box a rectangle of the group tells. Without
    groups, all points of an image are one person. A point with the flag or the description
    ``occluded`` is hidden. Files in COCO's format are passed over: ``directpose to-coco`` may have
    written them there before.

    Args:
        source: the folder.
        images: folder of the images; by default they lie where the JSON files say.
        progress: wraps the files.

    Raises:
        InputError: there are no JSON files.
    """
    files = sorted(Path(source).rglob('*.json'))
    if not files:
        raise InputError(f'{source} holds no JSON files of labelme')
    pictures, problems = [], []
    for path in progress(files):
        try:
            picture, wrong = read_file(path, source, images)
        except (*MALFORMED, ValueError) as error:
            picture, wrong = None, [f'is not as labelme writes it ({error!r})']
        problems += [Problem(str(path), what) for what in wrong]
        pictures += [picture] if picture else []
    people = [person for picture in pictures for person in picture.people]
    classes = list(dict.fromkeys(person.label for person in people)) or [USUAL_CLASS]
    names = in_order(name for person in people for name in person.points)
    return Labels(make_skeleton(names), classes, pictures, problems, images or source)


def read_file(path: Path, source: str, images: str | None) -> tuple[Picture | None, list[str]]:
    """The picture of a file, none if it is in COCO's format, and what is wrong in it."""
    try:
        content = read_json(str(path))
        if {'images', 'annotations', 'categories'} <= content.keys():
            return None, []
        shapes, name = content['shapes'], content['imagePath'].replace('\\', '/')
    except (InputError, KeyError, TypeError, AttributeError):
        return None, ['is no JSON of labelme']
    file = Path(images, osp.basename(name)) if images else path.parent / name
    stated = content.get('imageWidth'), content.get('imageHeight')
    try:
        size = size_of(str(file), stated if all(stated) else None)
    except ValueError as error:
        return None, [str(error)]
    groups, problems = defaultdict(list), []
    for number, shape in enumerate(shapes):
        kind = shape.get('shape_type')
        if kind in ('point', 'rectangle'):
            groups[shape.get('group_id')].append((number, shape))
        else:
            problems.append(f'shape {number} is a {kind}; only points and rectangles are read')
    people = []
    for members in groups.values():
        person, wrong = read_group(members, size)
        problems += wrong
        people += [person] if person else []
    relative = osp.relpath(file, images or source)
    return Picture(relative, size, people), problems


def read_group(members: list[tuple], size: tuple[int, int]) -> tuple[Person | None, list[str]]:
    """The person of some shapes, and what is wrong with it."""
    points: dict[str, tuple] = {}
    boxes: list[tuple] = []
    problems = []
    for number, shape in members:
        places = shape.get('points') or []
        if shape['shape_type'] == 'rectangle' and len(places) in (2, 4):
            xs, ys = zip(*places, strict=True)
            box = (min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys))
            boxes.append((shape['label'], box))
        elif len(places) != 1 or not in_image(places[0], size):
            problems.append(f'shape {number}, {shape["label"]}, is at {places}, not in the image')
        elif shape['label'] in points:
            problems.append(f'shape {number} is a second {shape["label"]} of the same group')
        else:
            points[shape['label']] = (*places[0], 1 if is_occluded(shape) else 2)
    if len(boxes) > 1:
        group = members[0][1].get('group_id')
        return None, [*problems, f'group {group} has {len(boxes)} rectangles; give each its group']
    label, box = boxes[0] if boxes else (USUAL_CLASS, None)
    return (Person(label, points, box) if points or box else None), problems


def is_occluded(shape: dict) -> bool:
    """Whether a shape says so."""
    flagged = (shape.get('flags') or {}).get('occluded')
    return bool(flagged) or (shape.get('description') or '').strip().lower() == 'occluded'
