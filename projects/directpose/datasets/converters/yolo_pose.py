"""Labels of Ultralytics' YOLO pose: a text file an image, coordinates as shares of its sides."""

import math
import os.path as osp
from collections.abc import Callable
from pathlib import Path

import yaml

from ...utils.errors import InputError
from ...utils.images import IMAGE_SUFFIXES
from .records import (
    Labels,
    Person,
    Picture,
    Problem,
    image_size,
    in_image,
    make_skeleton,
    usual_names,
)


def read_yolo_pose(source: str, images: str | None, progress: Callable) -> Labels:
    """Read a ``data.yaml``, or a folder with one.

    All its splits are read, from the folders that it names. Visibility is as in COCO's format;
    where the labels have none, keypoints at (0, 0) are not labelled.

    Raises:
        InputError: the file cannot be read or says nothing of keypoints.
    """
    config = find_config(source)
    facts = read_config(config)
    count, values = facts['kpt_shape']
    names = keypoint_names(facts, count)
    swaps = facts.get('flip_idx')
    skeleton = make_skeleton(names)
    if swaps and sorted(swaps) == list(range(count)):
        skeleton = skeleton._replace(swaps=list(swaps))
    classes = class_names(facts['names'], config)
    root = image_root(config, facts)
    labels = Labels(skeleton, classes, [], [], str(root))
    for path, split in progress(images_of(root, facts).items()):
        read_image(path, split, labels, values)
    if not labels.pictures and not labels.problems:
        raise InputError(f'{config}: there are no images in {root}')
    return labels


def class_names(names: dict | list, config: Path) -> list[str]:
    """The names of the classes by their numbers.

    Raises:
        InputError: a number is missing.
    """
    if not isinstance(names, dict):
        return list(map(str, names))
    if sorted(names) != list(range(len(names))):
        raise InputError(f'{config}: names has the numbers {list(names)}; they must be 0, 1, 2, …')
    return [str(names[number]) for number in range(len(names))]


def find_config(source: str) -> Path:
    """The YAML file of a set."""
    if not osp.isdir(source):
        return Path(source)
    found = sorted(Path(source).glob('*.y*ml'))
    if len(found) != 1:
        raise InputError(f'{source} holds {len(found)} YAML files; give the one of the set')
    return found[0]


def read_config(path: Path) -> dict:
    """Content of the YAML file, with what keypoints need."""
    try:
        facts = yaml.safe_load(path.read_text(encoding='utf-8'))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f'cannot read {path} ({error})') from error
    facts = facts if isinstance(facts, dict) else {}
    missing = [key for key in ('names', 'kpt_shape') if key not in facts]
    if missing:
        raise InputError(f'{path} has no {" and no ".join(missing)}: not of a YOLO pose set')
    match facts['kpt_shape']:
        case [int(count), 2 | 3] if count > 0:
            pass
        case shape:
            raise InputError(f'{path}: kpt_shape is {shape}, not [number of keypoints, 2 or 3]')
    for key in ('path', 'train', 'val', 'test'):
        places = facts.get(key) or []
        if not all(isinstance(place, str) for place in as_list(places)):
            raise InputError(f'{path}: {key} is {places}, no name of a folder or file')
    if not facts['names'] or not isinstance(facts['names'], (list, dict)):
        raise InputError(f'{path}: names are {facts["names"]}, no list of classes')
    return facts


def as_list(value) -> list:
    """The value if it is a list, else a list of it alone."""
    return value if isinstance(value, list) else [value]


def keypoint_names(facts: dict, count: int) -> list[str]:
    """Names of the keypoints: the set's, COCO's if there are 17, else numbers."""
    given = facts.get('kpt_names')
    given = next(iter(given.values()), None) if isinstance(given, dict) else given
    if isinstance(given, list) and len({str(name) for name in given}) == len(given) == count:
        return [str(name) for name in given]
    return usual_names(count)


def image_root(config: Path, facts: dict) -> Path:
    """The folder that the splits are relative to."""
    root = Path(facts.get('path') or '.')
    here = config.parent / root
    return here if here.exists() else config.parent


def images_of(root: Path, facts: dict) -> dict[Path, str]:
    """All images and their splits: of folders, or of text files that list them."""
    found: dict[Path, str] = {}
    for split in ('train', 'val', 'test'):
        for place in as_list(facts.get(split) or []):
            path = root / place
            if not path.exists():  # Roboflow writes ../train/images for what lies beside the file
                path = root / place.removeprefix('../')
            if path.is_dir():
                listed = sorted(
                    p
                    for p in path.rglob('*')
                    if p.suffix.lower() in IMAGE_SUFFIXES and not p.name.startswith('._')  # macOS
                )
            elif path.is_file():
                lines = path.read_text(encoding='utf-8').split('\n')
                listed = [root / line.strip() for line in lines if line.strip()]
            else:
                raise InputError(f'{root / place}, the {split} images of the set, does not exist')
            found |= {image: split for image in listed if image not in found}
    return found


def label_file(image: Path) -> Path:
    """Labels lie in ``labels`` where the image lies in ``images``."""
    parts = list(image.parts)
    places = [k for k, part in enumerate(parts) if part == 'images']
    if places:
        parts[places[-1]] = 'labels'
    return Path(*parts).with_suffix('.txt')


def read_image(path: Path, split: str, labels: Labels, values: int) -> None:
    """Add an image; one without a label file has nobody in it."""
    try:
        size = image_size(str(path))
    except OSError:
        labels.problems.append(Problem(str(path), 'is no image that can be read'))
        return
    people, text = [], label_file(path)
    try:
        lines = text.read_text(encoding='utf-8').split('\n') if text.exists() else []
    except (OSError, UnicodeDecodeError) as error:
        labels.problems.append(Problem(str(text), f'cannot be read ({error})'))
        return
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                people.append(read_line(line, labels, values, size))
            except ValueError as error:
                labels.problems.append(Problem(f'{text}:{number}', str(error)))
    labels.pictures.append(Picture(osp.relpath(path, labels.root), size, people, split))


def read_line(line: str, labels: Labels, values: int, size: tuple[int, int]) -> Person:
    """The person of a line: class, box, keypoints.

    Raises:
        ValueError: it cannot be used.
    """
    names = labels.skeleton.names
    try:
        numbers = [float(word) for word in line.split()]
    except ValueError as error:
        raise ValueError(f'has something else than numbers ({error})') from error
    if not all(map(math.isfinite, numbers)):
        raise ValueError('has a number that is not finite')
    wanted = 5 + values * len(names)
    if len(numbers) != wanted:
        raise ValueError(f'has {len(numbers)} numbers, not the {wanted} of {len(names)} keypoints')
    label = int(numbers[0])
    if label != numbers[0] or not 0 <= label < len(labels.classes):
        raise ValueError(f'is of class {numbers[0]:g}; there are 0 to {len(labels.classes) - 1}')
    width, height = size
    x, y, w, h = (n * side for n, side in zip(numbers[1:5], (*size, *size), strict=True))
    points = {}
    for k, name in enumerate(names):
        px, py, *seen = numbers[5 + values * k : 5 + values * (k + 1)]
        visible = seen[0] if seen else 2 * bool(px or py)
        if visible not in (0, 1, 2):  # predictions have a confidence there
            raise ValueError(f'has visibility {visible:g} for {name}; it must be 0, 1 or 2')
        if visible:
            place = (px * width, py * height)
            if not in_image(place, size):
                raise ValueError(f'has {name} at ({px:g}, {py:g}), outside of the image')
            points[name] = (*place, int(visible))
    if not (w > 0 and h > 0):
        raise ValueError(f'has a box of {w:g} × {h:g} pixels')
    return Person(labels.classes[label], points, (x - w / 2, y - h / 2, w, h))
