"""What goes wrong with which keypoint (Ronchi and Perona, ICCV 2017).

Results and truth are records of COCO's keypoint format.
"""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import torch

from ..utils.similarity import keypoint_similarities

GOOD, NEAR = 0.85, 0.5  # least similarity to the truth, and to what a keypoint is taken for
ERRORS = ('good', 'jitter', 'inversion', 'swap', 'miss')


def classify_keypoints(
    matches: list[tuple], truth: list[dict], sigmas: np.ndarray, mirrored: Sequence[int]
) -> np.ndarray:
    """How many keypoints of each kind are right, or wrong in which way.

    A keypoint is ``good`` at a similarity of 0.85 or more to its truth, and ``jitter`` from 0.5 on;
    else an ``inversion`` if it is as near as that to another keypoint of the same person, a
    ``swap`` if to a keypoint of its kind, or of the mirrored one, of somebody else, and else a
    ``miss``.

    Args:
        matches: see :func:`~directpose.evaluation.calibration.match_people`.
        truth: annotations of all people.
        sigmas (K,): of the keypoints.
        mirrored (K,): keypoint of the other side.

    Returns:
        counts (K, 5) of the labelled keypoints, in the order of ``ERRORS``.
    """
    people = defaultdict(list)
    for annotation in truth:
        people[annotation['image_id']].append(annotation)
    counts = np.zeros((len(sigmas), len(ERRORS)), int)
    for result, person, similarities in matches:
        others = [a for a in people[result['image_id']] if a is not person]
        own = similarities_between(result, person, sigmas)  # (K, K)
        np.fill_diagonal(own, 0)
        theirs = [similarities_between(result, other, sigmas) for other in others]
        kinds = np.arange(len(sigmas))
        swapped = [np.maximum(s[kinds, kinds], s[kinds, list(mirrored)]) >= NEAR for s in theirs]
        nowhere = np.zeros(len(sigmas), bool)
        tests = (
            similarities >= GOOD,
            similarities >= NEAR,
            (own >= NEAR).any(1),
            np.any([nowhere, *swapped], 0),
            ~nowhere,
        )
        labelled = ~np.isnan(similarities)
        counts[kinds[labelled], np.argmax(tests, 0)[labelled]] += 1
    return counts


def similarities_between(result: dict, person: dict, sigmas: np.ndarray) -> np.ndarray:
    """Similarity of each keypoint of a result to each of a person, (K, K), 0 to unlabelled ones."""
    found, true = (
        torch.tensor(record['keypoints'], dtype=torch.float64).view(-1, 3)
        for record in (result, person)
    )
    area, spreads = torch.tensor([person['area']]), torch.from_numpy(sigmas)
    values = keypoint_similarities(found[:, None, :2], true[:, :2], area, spreads)
    return (values * (true[:, 2] > 0)).numpy()
