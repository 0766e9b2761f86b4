"""Labels of CVAT, "CVAT for images 1.1": one XML file of skeletons, boxes and points."""

import math
import os.path as osp
import re
import xml.etree.ElementTree as ElementTree
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from xml.etree.ElementTree import Element

from ...utils.errors import InputError
from .records import (
    Labels,
    Person,
    Picture,
    Problem,
    in_image,
    in_order,
    make_skeleton,
    size_of,
    usual_names,
)

EDGE = re.compile(r'data-node-from="?(\d+)"?[^>]*data-node-to="?(\d+)')
NODE = re.compile(r'<circle[^>]*>')


def read_cvat(source: str, images: str | None, progress: Callable) -> Labels:
    """Read ``annotations.xml``, or a folder with it.

    A ``skeleton`` is a person; a box of the same ``group_id`` is its box. ``points`` outside of a
    skeleton are a person too, whose keypoints stand in order.

    Args:
        source: the file or its folder.
        images: folder of the images, by default ``images`` beside the file, or that of the file.
        progress: wraps the images.

    Raises:
        InputError: it cannot be read.
    """
    path = Path(source, 'annotations.xml') if osp.isdir(source) else Path(source)
    try:
        root = ElementTree.parse(path).getroot()
    except (OSError, ElementTree.ParseError) as error:
        raise InputError(f'cannot read {path} ({error})') from error
    if root.tag != 'annotations':
        raise InputError(f'{path} is no XML of CVAT: it begins with {root.tag}')
    if root.find('track') is not None and root.find('image') is None:
        raise InputError(
            f'{path} is an export "CVAT for video", of tracks; export the task as "CVAT for images"'
        )
    beside = path.parent / 'images'
    folder = images or str(beside if beside.is_dir() else path.parent)
    pictures: list[Picture] = []
    problems: list[Problem] = []
    names = sub_labels(root)
    for element in progress(root.findall('image')):
        try:
            pictures.append(read_image(element, folder, names, problems))
        except ValueError as error:
            problems.append(Problem(place(element), str(error)))
    people = [person for picture in pictures for person in picture.people]
    names = names or in_order(name for person in people for name in person.points)
    classes = list(dict.fromkeys(person.label for person in people)) or ['person']
    return Labels(make_skeleton(names, edges(root, names)), classes, pictures, problems, folder)


def place(image: Element) -> str:
    """Where an image stands in the file."""
    return f'image {image.get("id")} ({image.get("name")})'


def read_image(
    image: Element, folder: str, names: Sequence[str], problems: list[Problem]
) -> Picture:
    """The picture of an ``image`` element.

    Args:
        image: the element.
        folder: of the images.
        names: of the keypoints, where the task has a skeleton.
        problems: which it extends.

    Raises:
        ValueError: there is no size.
    """
    name = image.get('name', '')
    stated = (float(image.get('width', 0)), float(image.get('height', 0)))
    size = size_of(osp.join(folder, name), stated if all(stated) else None)
    poses = [element for element in image if element.tag in ('skeleton', 'points')]
    groups = {element.get('group_id') for element in poses} - {None}
    boxes: dict[str | None, list[Element]] = defaultdict(list)
    for box in image.findall('box'):
        group = box.get('group_id')
        boxes[group if group in groups else None].append(box)
    people = []
    for element in poses:
        of_group = boxes.pop(element.get('group_id'), []) if element.get('group_id') else []
        try:
            people += read_person(element, size, of_group, names)
        except ValueError as error:
            problems.append(Problem(f'{place(image)}, {element.tag}', str(error)))
            boxes[None] += of_group
    for box in boxes[None]:
        try:
            people.append(Person(box.get('label', 'person'), {}, read_box(box)))
        except ValueError as error:
            problems.append(Problem(f'{place(image)}, box', str(error)))
    return Picture(name, size, people)


def read_person(
    element: Element, size: tuple[int, int], boxes: Sequence[Element], names: Sequence[str]
) -> list[Person]:
    """The person of a ``skeleton`` or ``points``; nobody if it holds nothing.

    Args:
        element: of the image.
        size: of the image.
        boxes: of its group.
        names: of the keypoints, where the task has a skeleton.

    Raises:
        ValueError: it cannot be used.
    """
    if len(boxes) > 1:
        raise ValueError(f'has {len(boxes)} boxes in its group')
    points = read_points(element, size)
    unknown = [name for name in points if names and name not in names]
    if unknown:
        raise ValueError(f'has {", ".join(unknown)}; the skeleton has {", ".join(names)}')
    box = read_box(boxes[0]) if boxes else None
    return [Person(element.get('label', 'person'), points, box)] if points or box else []


def read_points(element: Element, size: tuple[int, int]) -> dict[str, tuple]:
    """Keypoints of a ``skeleton``, or of ``points`` in order.

    Raises:
        ValueError: one cannot be used.
    """
    parts = element.findall('points') if element.tag == 'skeleton' else [element]
    points: dict[str, tuple] = {}
    for part in parts:
        if part.get('outside') == '1':
            continue
        places = [tuple(map(float, pair.split(','))) for pair in part.get('points', '').split(';')]
        names = [part.get('label', '')] if element.tag == 'skeleton' else usual_names(len(places))
        if len(places) != len(names):
            raise ValueError(f'{names[0]} has {len(places)} places')
        for name, xy in zip(names, places, strict=True):
            if name in points:
                raise ValueError(f'has two points {name}')
            if len(xy) != 2 or not in_image(xy, size):
                raise ValueError(f'has {name} at {part.get("points")}, outside of the image')
            points[name] = (*xy, 1 if part.get('occluded') == '1' else 2)
    return points


def read_box(box: Element) -> tuple[float, float, float, float]:
    """x, y, width, height of a ``box``.

    Raises:
        ValueError: a corner is missing, or no number.
    """
    x1, y1, x2, y2 = (float(box.get(name, 'nan')) for name in ('xtl', 'ytl', 'xbr', 'ybr'))
    if not all(map(math.isfinite, (x1, y1, x2, y2))):
        raise ValueError(f'has a box with the corners {x1:g}, {y1:g}, {x2:g}, {y2:g}')
    return x1, y1, x2 - x1, y2 - y1


def sub_labels(root: Element) -> list[str]:
    """Names of the keypoints, from the labels of the task that have a parent."""
    labels = root.iter('label')
    return list(
        dict.fromkeys(
            label.findtext('name', '') for label in labels if label.find('parent') is not None
        )
    )


def edges(root: Element, names: list[str]) -> list[tuple[int, int]]:
    """Limbs, from the drawing of the skeleton."""
    found: dict[tuple[int, int], None] = {}
    for drawing in (element.text or '' for element in root.iter('svg')):
        nodes = {}
        for circle in NODE.findall(drawing):
            number = re.search(r'data-node-id="?(\d+)', circle)
            name = re.search(r'data-label-name="([^"]*)"', circle)
            if number and name and name[1] in names:
                nodes[number[1]] = names.index(name[1])
        pairs = [(a, b) for a, b in EDGE.findall(drawing) if a in nodes and b in nodes]
        found.update(dict.fromkeys((nodes[a], nodes[b]) for a, b in pairs))
    return list(found)
