"""Results in the format of COCO's evaluation server."""

import json
import math
import os.path as osp
import zipfile
from collections import Counter
from collections.abc import Sequence

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.logging import MMLogger
from mmpose.registry import METRICS

from ..utils.errors import InputError
from ..utils.io import atomic_write

MAX_PEOPLE = 20  # of an image; the server reads no more
NUM_KEYPOINTS = 17
PERSON = 1


@METRICS.register_module()
class CocoSubmission(BaseMetric):
    """Write the predictions on test-dev, which has no annotations, for COCO's server.

    ``person_keypoints_test-dev2017_NAME_results.json`` and its zip, in the format of
    https://cocodataset.org/#format-results: coordinates are rounded to tenths of a pixel and all
    visibilities are 1, as recommended there; the 20 best people of an image are kept.

    Args:
        name: of the method.
        out_dir: folder to write to; files there of the same names are replaced.
        kwargs: of :class:`mmengine.evaluator.BaseMetric`.

    Raises:
        InputError: from the evaluation, if what was written is not in COCO's format.
    """

    default_prefix = 'submission'

    def __init__(self, name: str, out_dir: str, **kwargs) -> None:
        super().__init__(**kwargs)
        self.path = osp.join(out_dir, f'person_keypoints_test-dev2017_{name}_results.json')

    def process(self, data_batch: Sequence[dict], data_samples: Sequence[dict]) -> None:
        """Take the predictions of some images."""
        for sample in data_samples:
            people = sample['pred_instances']
            found = [
                submission_entry(sample['img_id'], keypoints, score)
                for keypoints, score in zip(people['keypoints'], people['bbox_scores'], strict=True)
            ]
            found.sort(key=lambda entry: -entry['score'])
            self.results.append((int(sample['img_id']), found[:MAX_PEOPLE]))

    def compute_metrics(self, results: list) -> dict[str, int]:
        """Write the files, whole or not at all; returns how many images and people are in them."""
        entries = [entry for _, found in results for entry in found]
        image_ids = {image_id for image_id, _ in results}
        problem = submission_problem(json.loads(json.dumps(entries)), image_ids)
        if problem:
            raise InputError(f'{self.path} was not written: {problem}')
        zip_path = f'{osp.splitext(self.path)[0]}.zip'
        with atomic_write(self.path) as json_file, atomic_write(zip_path) as zip_file:
            with open(json_file, 'w', encoding='utf-8') as file:
                json.dump(entries, file)
            with zipfile.ZipFile(zip_file, 'w', zipfile.ZIP_DEFLATED) as archive:
                archive.write(json_file, osp.basename(self.path))
        MMLogger.get_current_instance().info(f'submission: {self.path} and {zip_path}')
        return dict(images=len(image_ids), people=len(entries))


def submission_entry(image_id: int, keypoints: np.ndarray, score: float) -> dict:
    """COCO result of a person with keypoints (K, 2) in pixels."""
    points = np.ones((len(keypoints), 3))
    points[:, :2] = np.asarray(keypoints, dtype=float).round(1)
    return dict(
        image_id=int(image_id),
        category_id=PERSON,
        keypoints=points.flatten().tolist(),
        score=round(float(score), 5),
    )


def submission_problem(entries: list, image_ids: set[int]) -> str | None:
    """What in a list of keypoint results is not in COCO's format, if anything is.

    Args:
        entries: content of the JSON file.
        image_ids: of the images of the split.
    """
    if not isinstance(entries, list):
        return f'it holds a {type(entries).__name__}, not a list of results'
    for number, entry in enumerate(entries):
        problem = entry_problem(entry, image_ids)
        if problem:
            return f'result {number} {problem}'
    for image_id, count in Counter(entry['image_id'] for entry in entries).items():
        if count > MAX_PEOPLE:
            return f'image {image_id} has {count} people, more than {MAX_PEOPLE}'
    return None


def entry_problem(entry: dict, image_ids: set[int]) -> str | None:
    """What is wrong with a keypoint result of COCO, if anything is."""
    fields = {'image_id', 'category_id', 'keypoints', 'score'}
    if not isinstance(entry, dict) or set(entry) != fields:
        return f'must have the fields {", ".join(sorted(fields))}'
    if type(entry['image_id']) is not int or entry['image_id'] not in image_ids:
        return f'has image_id {entry["image_id"]!r}, which is no image of the split'
    if entry['category_id'] != PERSON:
        return f'has category_id {entry["category_id"]!r}; a person is {PERSON}'
    numbers = [entry['score'], *entry['keypoints']]
    if not all(type(n) in (int, float) and math.isfinite(n) for n in numbers):
        return 'has something else than finite numbers in keypoints or score'
    if len(numbers) != 1 + 3 * NUM_KEYPOINTS:
        return f'has {len(numbers) - 1} numbers in keypoints, not {3 * NUM_KEYPOINTS}'
    coordinates = [n for i, n in enumerate(entry['keypoints']) if i % 3 < 2]
    if any(n != round(n, 1) for n in coordinates):
        return 'has coordinates that are not rounded to tenths of a pixel'
    return None
