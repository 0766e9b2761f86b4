"""Which prediction is which person, for the analysis of errors.

Results and truth are records of COCO's keypoint format.

Legend of dimensions:
    R results and G people of an image, K keypoints.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import torch

from ..datasets.coco import is_person
from ..utils.similarity import BOX_FILL, keypoint_similarities

SAME = 0.1  # least OKS of two poses of the same person (Ronchi and Perona 2017)


class Match(NamedTuple):
    """A prediction and its person.

    Attributes:
        result, person: records.
        similarities (K,): COCO's of each keypoint, NaN where it is not labelled.
    """

    result: dict
    person: dict
    similarities: np.ndarray

    @property
    def oks(self) -> float:
        """The mean similarity of the labelled keypoints."""
        return float(np.nanmean(self.similarities))


class Matching(NamedTuple):
    """What became of all predictions and people.

    Attributes:
        matches: predictions with a person, best predictions first.
        doubled: predictions of somebody whom a better one has taken.
        ignored: predictions of nobody in the place of a crowd, or of somebody without keypoints.
        background: other predictions of nobody.
        missed: people of whom there is no prediction.
    """

    matches: list[Match]
    doubled: list[dict]
    ignored: list[dict]
    background: list[dict]
    missed: list[dict]


def match_people(results: list[dict], truth: list[dict], sigmas: np.ndarray) -> Matching:
    """Give each prediction its person, the best predictions of an image and category first.

    Args:
        results: predictions of any images.
        truth: annotations; people with a labelled keypoint who are no crowd are to be found.
        sigmas (K,): of the keypoints.
    """
    people, others = by_image(filter(is_person, truth)), by_image(truth)
    found: Matching = Matching([], [], [], [], [])
    for place, candidates in by_image(sorted(results, key=lambda r: -r['score'])).items():
        here = people.pop(place, [])
        similarities = similarities_to(candidates, here, sigmas)  # (R, G, K)
        oks = mean_similarities(similarities)  # (R, G)
        free = np.ones(len(here), bool)
        for result, own, values in zip(candidates, oks, similarities, strict=True):
            best = int(np.argmax(np.where(free, own, -1))) if free.any() else -1
            if best >= 0 and own[best] >= SAME:
                free[best] = False
                found.matches.append(Match(result, here[best], values[best]))
            elif (own >= SAME).any():
                found.doubled.append(result)
            elif any(holds(a, result) for a in others[place] if not is_person(a)):
                found.ignored.append(result)
            else:
                found.background.append(result)
        found.missed.extend(here[k] for k in np.flatnonzero(free))
    found.missed.extend(person for left in people.values() for person in left)
    found.matches.sort(key=lambda match: -match.result['score'])
    return found


def by_image(records: Iterable[dict]) -> dict[tuple, list[dict]]:
    """The records of each image and category."""
    grouped = defaultdict(list)
    for record in records:
        grouped[record['image_id'], record.get('category_id', 1)].append(record)
    return grouped


def holds(annotation: dict, result: dict) -> bool:
    """Whether the middle of a prediction lies in the box of an annotation."""
    x, y, width, height = annotation.get('bbox') or (0, 0, 0, 0)
    middle = np.mean(np.reshape(result['keypoints'], (-1, 3))[:, :2], 0)
    return bool(x <= middle[0] <= x + width and y <= middle[1] <= y + height)


def area_of(person: dict) -> float:
    """Area in square pixels; of the box, where it is not annotated."""
    if 'area' in person:
        return person['area']
    width, height = person['bbox'][2:]
    return BOX_FILL * max(width, 1) * max(height, 1)


def complete(truth: dict) -> dict:
    """The truth with the fields that COCO's evaluation needs and many files leave out."""
    annotations = []
    for annotation in truth['annotations']:
        labelled = sum(v > 0 for v in annotation['keypoints'][2::3])
        usual = dict(iscrowd=0, area=area_of(annotation))
        annotations.append(usual | annotation | dict(num_keypoints=labelled))
    return {**truth, 'annotations': annotations}


def similarities_to(results: list[dict], people: list[dict], sigmas: np.ndarray) -> np.ndarray:
    """COCO's similarities of keypoints (R, G, K), NaN to those that are not labelled."""
    found, true = points_of(results, len(sigmas)), points_of(people, len(sigmas))
    areas = torch.tensor([area_of(person) for person in people], dtype=torch.float64)
    spreads = torch.as_tensor(sigmas, dtype=torch.float64)
    values = keypoint_similarities(found[:, None, :, :2], true[..., :2], areas, spreads)
    return torch.where(true[..., 2] > 0, values, torch.nan).numpy()


def points_of(records: list[dict], num_keypoints: int) -> torch.Tensor:
    """Keypoints (N, K, 3) of records."""
    points = [record['keypoints'] for record in records]
    return torch.tensor(points, dtype=torch.float64).view(len(points), num_keypoints, 3)


def mean_similarities(similarities: np.ndarray) -> np.ndarray:
    """OKS (R, G): the mean over the labelled keypoints, of which there is at least one."""
    labelled = ~np.isnan(similarities)
    return np.nansum(similarities, -1) / np.maximum(labelled.sum(-1), 1)
