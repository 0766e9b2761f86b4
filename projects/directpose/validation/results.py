"""Validation of keypoint results in COCO's format."""

import math
from collections.abc import Mapping

from ..datasets.coco import is_person
from ..utils.errors import InputError
from ..utils.io import read_json
from .coco_json import (
    ANNOTATION_FIELDS,
    LARGEST,
    NUMBER,
    OPTIONAL_ANNOTATION_FIELDS,
    Kinds,
    check_image_records,
    check_unique,
    field_problem,
    name_of,
    numbers_problem,
)

FIELDS: Kinds = dict(image_id=int, keypoints=list, score=NUMBER)


def read_truth(path: str) -> dict:
    """The content of a COCO annotation file.

    Raises:
        InputError: it cannot be read, or is none.
    """
    truth = read_json(path)
    parts = ('images', 'annotations', 'categories')
    lists = [truth.get(part) for part in parts] if isinstance(truth, dict) else [None]
    if not all(isinstance(part, list) and all(isinstance(r, dict) for r in part) for part in lists):
        raise InputError(f'{path} has no images, annotations or categories: not of COCO')
    return truth


def check_people(path: str, truth: Mapping, num_keypoints: int) -> None:
    """Check the images and annotations of a file for what the analysis of errors needs.

    Raises:
        InputError: naming the file, the record and what is wrong; or nobody is labelled.
    """
    check_image_records(path, truth['images'])
    known = {image['id'] for image in truth['images']}
    for number, annotation in enumerate(truth['annotations']):
        problem = field_problem(annotation, ANNOTATION_FIELDS, OPTIONAL_ANNOTATION_FIELDS)
        problem = problem or numbers_problem(annotation, num_keypoints)
        if not problem and annotation['image_id'] not in known:
            problem = "names an image that is not in 'images'"
        if problem:
            raise InputError(f'{path}: {name_of("annotation", number, annotation)} {problem}')
    check_unique(path, 'annotation', truth['annotations'])
    if not any(map(is_person, truth['annotations'])):
        raise InputError(f'{path}: nobody, crowds aside, has a labelled keypoint')


def read_results(path: str, truth: Mapping, ann_file: str, num_keypoints: int) -> list[dict]:
    """The records of a results file; one without ``category_id`` is of category 1.

    Args:
        path: of the file.
        truth: content of the annotations of its images.
        ann_file: path of these, for messages.
        num_keypoints: K.

    Raises:
        InputError: the file cannot be read, or the results are not of these images or keypoints.
    """
    results = read_json(path)
    if not isinstance(results, list):
        raise InputError(f'{path} holds no list of keypoint results')
    if not results:
        raise InputError(f'{path} is an empty list: nobody was found')
    known = {image['id'] for image in truth['images']}
    categories = sorted({person['category_id'] for person in truth['annotations']})
    for number, result in enumerate(results):
        problem = field_problem(result, FIELDS) or result_problem(result, num_keypoints)
        if problem:
            raise InputError(f'{path}: result {number} {problem}')
        if result['image_id'] not in known:
            raise InputError(
                f'{path}: result {number} is of image {result["image_id"]}, which is not in '
                f'{ann_file}; give the annotations of the same images'
            )
        if result.get('category_id', 1) not in categories:
            raise InputError(
                f'{path}: result {number} is of category {result.get("category_id", 1)!r:.50}; in '
                f'{ann_file} people are of {", ".join(map(str, categories))}'
            )
    return [dict(category_id=1) | result for result in results]


def result_problem(result: dict, num_keypoints: int) -> str | None:
    """What is wrong with the numbers of a result, if anything is."""
    values = result['keypoints']
    if len(values) != 3 * num_keypoints:
        return (
            f'has {len(values)} numbers in keypoints, not three for each of the '
            f'{num_keypoints} keypoints'
        )
    if not all(isinstance(v, NUMBER) and math.isfinite(v) for v in (*values, result['score'])):
        return 'has something else than finite numbers in keypoints or score'
    if max(map(abs, values)) > LARGEST:
        return f'has {max(values, key=abs):g} in keypoints, more than any picture has pixels'
    return None
