"""Validation of COCO annotation files."""

import collections
import math
import re
from collections.abc import Mapping

from ..utils.errors import InputError
from ..utils.io import read_json

Kinds = Mapping[str, type | tuple[type, ...]]
NUMBER = (int, float)
TYPE_NAMES = {NUMBER: 'a number', int: 'a whole number', str: 'a text', list: 'a list'}
IMAGE_FIELDS: Kinds = dict(id=int, file_name=str, width=NUMBER, height=NUMBER)
CATEGORY_FIELDS: Kinds = dict(id=NUMBER)
ANNOTATION_FIELDS: Kinds = dict(id=int, image_id=int, category_id=NUMBER, bbox=list, keypoints=list)
OPTIONAL_ANNOTATION_FIELDS: Kinds = dict(area=NUMBER, iscrowd=NUMBER, num_keypoints=NUMBER)
LARGEST = 1e9


def check_annotations(path: str, skeleton: dict, num_classes: int = 1) -> dict:
    """Check a COCO keypoint JSON; returns its content.

    Raises:
        InputError: naming the file, the image or annotation id, and the field.
    """
    coco = read_json(path)
    for field in ('images', 'annotations', 'categories'):
        if not isinstance(coco, dict) or not isinstance(coco.get(field), list):
            raise InputError(f'{path} has no list {field!r}: it is not a COCO annotation file')
    check_image_records(path, coco['images'])
    for number, category in enumerate(coco['categories']):
        check_category(path, number, category, skeleton)
    ids = {image['id'] for image in coco['images']}
    for number, annotation in enumerate(coco['annotations']):
        problem = annotation_problem(annotation, skeleton['num_keypoints'], num_classes, ids)
        if problem:
            name = name_of('annotation', number, annotation)
            if isinstance(annotation, dict):
                name += f' of image {annotation.get("image_id")!r:.50}'
            raise InputError(f'{path}: {name} {problem}')
    check_unique(path, 'annotation', coco['annotations'])
    return coco


def check_image_records(path: str, images: list) -> None:
    """Check the images of a COCO JSON.

    Raises:
        InputError: naming the file, the image id, and the field.
    """
    for number, image in enumerate(images):
        problem = field_problem(image, IMAGE_FIELDS)
        if not problem and not (image['width'] > 0 and image['height'] > 0):
            size = f'width {image["width"]} and height {image["height"]}'
            problem = f'has {size}; both must be positive'
        if problem:
            raise InputError(f'{path}: {name_of("image", number, image)} {problem}')
    check_unique(path, 'image', images)


def check_unique(path: str, kind: str, records: list[dict]) -> None:
    """Check that no two records have the same id: pycocotools would take the last for all.

    Raises:
        InputError: two have.
    """
    counts = collections.Counter(record['id'] for record in records)
    twice = [number for number, count in counts.items() if count > 1]
    if twice:
        raise InputError(
            f'{path}: {counts[twice[0]]} {kind}s have the id {twice[0]}, and {len(twice)} ids in '
            'all are not unique; number them anew'
        )


def name_of(kind: str, number: int, record) -> str:
    """What to call a record of a COCO JSON: by its id, or by its number in the list."""
    if isinstance(record, dict) and 'id' in record:
        return f'{kind} {record["id"]!r:.50}'
    return f'{kind} number {number}'


def field_problem(record, fields: Kinds, optional: Kinds | None = None) -> str | None:
    """What in a record of a COCO JSON is missing or of another type, if anything is.

    Args:
        record: of an image, an annotation or a category.
        fields: names and types of what it must have.
        optional: names and types of what it may have.
    """
    if not isinstance(record, dict):
        return f'is {record!r:.50}, no record in curly brackets'
    missing = [name for name in fields if name not in record]
    if missing:
        return f'has no {", ".join(missing)}'
    for name, kind in (fields | (optional or {})).items():
        value = record.get(name)
        if name in record and not isinstance(value, kind):
            return f'has {value!r:.50} as its {name}; that must be {TYPE_NAMES[kind]}'
    return None


def check_category(path: str, number: int, category: dict, skeleton: dict) -> None:
    """Check that a category of a COCO JSON names the keypoints of the metainfo, in their order.

    Many files spell them differently, or name none at all. A name that the metainfo has at another
    place is surely wrong: the file has another order, or another skeleton.

    Raises:
        InputError: a keypoint has another place, or the category is none.
    """
    problem = field_problem(category, CATEGORY_FIELDS, dict(name=str, keypoints=list))
    if problem:
        raise InputError(f'{path}: {name_of("category", number, category)} {problem}')
    ours = {k: plain_name(name) for k, name in skeleton['keypoint_id2name'].items()}
    for k, name in enumerate(map(str, category.get('keypoints', []))):
        places = [place for place, other in ours.items() if other == plain_name(name)]
        if places and k not in places:
            raise InputError(
                f'{path}: keypoint {k} of category {category["id"]} is {name}, but in the metainfo '
                f'({skeleton["dataset_name"]}) keypoint {k} is '
                f'{skeleton["keypoint_id2name"].get(k)}, and {name} is keypoint {places[0]}; give '
                'the metainfo of these data'
            )


def plain_name(keypoint: str) -> str:
    """The name of a keypoint without its spelling: L_F_Paw and left_front_paw are the same."""
    words = re.findall(r'[^\W_]+', keypoint.lower())
    short = dict(l='left', r='right', f='front', b='back')
    return ''.join(short.get(word, word) for word in words)


def annotation_problem(
    annotation: dict, num_keypoints: int, num_classes: int, image_ids: set
) -> str | None:
    """What is wrong with a COCO keypoint annotation, if anything is."""
    problem = field_problem(annotation, ANNOTATION_FIELDS, OPTIONAL_ANNOTATION_FIELDS)
    if problem:
        return problem
    if annotation['image_id'] not in image_ids:
        return "names an image that is not in 'images'"
    if annotation['category_id'] not in range(1, num_classes + 1):
        return (
            f'has category_id {annotation["category_id"]}; the model knows 1'
            + f' to {num_classes}' * (num_classes > 1)
        )
    return numbers_problem(annotation, num_keypoints)


def numbers_problem(annotation: dict, num_keypoints: int) -> str | None:
    """What is wrong with the box, keypoints or area of an annotation, if anything is."""
    box, keypoints, area = annotation['bbox'], annotation['keypoints'], annotation.get('area', 0)
    for field, values in dict(bbox=box, keypoints=keypoints, area=[area]).items():
        if not all(isinstance(v, NUMBER) for v in values):
            return f'has something else than numbers in {field}'
        if not all(map(math.isfinite, values)):
            return f'has a number that is not finite in {field}'
        if max(map(abs, values), default=0) > LARGEST:
            return f'has {max(values, key=abs):g} in {field}, more than any picture has pixels'
    if len(keypoints) != 3 * num_keypoints:
        return (
            f'has {len(keypoints)} numbers in keypoints, that is {len(keypoints) / 3:g} keypoints, '
            f'but the metainfo of the dataset has {num_keypoints}'
        )
    if len(box) != 4:
        return f'has {len(box)} numbers in bbox, not x, y, width and height'
    if min(box[2:]) < 0 or area < 0:
        return f'has a negative size: bbox {box}, area {area}'
    return None
