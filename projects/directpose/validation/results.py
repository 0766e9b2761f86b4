"""Validation of keypoint results in COCO's format."""

import math
from collections.abc import Mapping

from ..utils.errors import InputError
from ..utils.io import read_json
from .coco_json import NUMBER, Kinds, field_problem, name_of

FIELDS: Kinds = dict(image_id=int, keypoints=list, score=NUMBER)
PERSON_FIELDS: Kinds = dict(id=int, image_id=int, keypoints=list, bbox=list)


def read_truth(path: str) -> dict:
    """The content of a COCO annotation file.

    Raises:
        InputError: it cannot be read, or is none.
    """
    truth = read_json(path)
    if not isinstance(truth, dict) or not {'images', 'annotations', 'categories'} <= set(truth):
        raise InputError(f'{path} has no images, annotations or categories: not of COCO')
    return truth


def check_people(path: str, truth: Mapping, num_keypoints: int) -> None:
    """Check the annotations of a file for what the analysis of errors needs.

    Raises:
        InputError: naming the file, the annotation and what is wrong.
    """
    for number, annotation in enumerate(truth['annotations']):
        problem = field_problem(annotation, PERSON_FIELDS)
        values = [] if problem else annotation['keypoints']
        if not problem and len(values) != 3 * num_keypoints:
            problem = f'has {len(values)} numbers in keypoints, not 3 for each of {num_keypoints}'
        if problem:
            raise InputError(f'{path}: {name_of("annotation", number, annotation)} {problem}')


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
    if not isinstance(results, list) or not results:
        raise InputError(f'{path} holds no list of keypoint results')
    known = {image['id'] for image in truth['images']}
    for number, result in enumerate(results):
        problem = field_problem(result, FIELDS) or numbers_problem(result, num_keypoints)
        if problem:
            raise InputError(f'{path}: result {number} {problem}')
        if result['image_id'] not in known:
            raise InputError(
                f'{path}: result {number} is of image {result["image_id"]}, which is not in '
                f'{ann_file}; give the annotations of the same images'
            )
    return [dict(category_id=1) | result for result in results]


def numbers_problem(result: dict, num_keypoints: int) -> str | None:
    """What is wrong with the numbers of a result, if anything is."""
    values = result['keypoints']
    if len(values) != 3 * num_keypoints:
        return (
            f'has {len(values)} numbers in keypoints, not three for each of the '
            f'{num_keypoints} keypoints'
        )
    if not all(isinstance(v, NUMBER) and math.isfinite(v) for v in (*values, result['score'])):
        return 'has something else than finite numbers in keypoints or score'
    return None
