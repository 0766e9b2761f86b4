"""Whether a confidence is what it says: how often keypoints with it are found.

Results and truth are records of COCO's keypoint format.
"""

from collections import defaultdict

import numpy as np
import torch

from ..utils.similarity import FOUND, keypoint_similarities

SAME = 0.1  # least OKS of two poses of the same person (Ronchi and Perona 2017)
BINS = 10


def match_people(results: list[dict], truth: list[dict], sigmas: np.ndarray) -> list[tuple]:
    """The true person of each prediction, best predictions first.

    Args:
        results: predictions of any images.
        truth: annotations; those without a labelled keypoint are left out.
        sigmas (K,): of the keypoints.

    Returns:
        ``(result, annotation, similarities)`` of those who have one; similarities (K,), NaN where
        a keypoint is not labelled.
    """
    people = defaultdict(list)
    for annotation in truth:
        if any(annotation['keypoints'][2::3]):
            people[annotation['image_id']].append(annotation)
    matches = []
    for result in sorted(results, key=lambda r: -r['score']):
        left = people[result['image_id']]
        similarities = [similarities_to(result, person, sigmas) for person in left]
        oks = [np.nanmean(values) for values in similarities]
        if oks and max(oks) >= SAME:
            best = int(np.argmax(oks))
            matches.append((result, left.pop(best), similarities[best]))
    return matches


def similarities_to(result: dict, person: dict, sigmas: np.ndarray) -> np.ndarray:
    """COCO's similarity of each keypoint (K,), NaN where it is not labelled."""
    found, true = (
        torch.tensor(record['keypoints'], dtype=torch.float64).view(1, -1, 3)
        for record in (result, person)
    )
    values = keypoint_similarities(
        found[..., :2], true[..., :2], torch.tensor([person['area']]), torch.from_numpy(sigmas)
    )
    return torch.where(true[..., 2] > 0, values, torch.nan)[0].numpy()


def calibration(matches: list[tuple]) -> dict:
    """Confidences against the share of keypoints that are found (similarity 0.5 or more).

    Returns:
        ``bins``: for each tenth of [0, 1] with keypoints its ``count``, mean ``confidence`` and
        share ``found``; ``error``, the mean distance of the two (expected calibration error).
    """
    confidences = np.concatenate([np.array(r['keypoints'])[2::3] for r, _, _ in matches])
    similarities = np.concatenate([values for _, _, values in matches])
    labelled = ~np.isnan(similarities)
    confidences, found = confidences[labelled], similarities[labelled] >= FOUND
    place = np.minimum((confidences * BINS).astype(int), BINS - 1)
    bins = [
        dict(
            count=int((place == k).sum()),
            confidence=float(confidences[place == k].mean()),
            found=float(found[place == k].mean()),
        )
        for k in np.unique(place)
    ]
    error = sum(b['count'] * abs(b['confidence'] - b['found']) for b in bins) / len(found)
    return dict(bins=bins, error=float(error))
