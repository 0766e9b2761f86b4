"""What goes wrong with which keypoint (Ronchi and Perona, ICCV 2017).

Legend of dimensions:
    M matched people, K keypoints.
"""

from collections.abc import Sequence

import numpy as np
import torch

from ..datasets.coco import is_person
from ..utils.similarity import keypoint_similarities
from .matching import Match, area_of, by_image, points_of

GOOD, NEAR = 0.85, 0.5  # least similarity to the truth, and to what a keypoint is taken for
ERRORS = ('good', 'jitter', 'inversion', 'swap', 'miss')
UNLABELLED = -1


def classify_keypoints(
    matches: list[Match], truth: list[dict], sigmas: np.ndarray, mirrored: Sequence[int]
) -> np.ndarray:
    """Which keypoints are right, or wrong in which way.

    A keypoint is ``good`` at a similarity of 0.85 or more to its truth, and ``jitter`` from 0.5 on;
    else an ``inversion`` if it is as near as that to another keypoint of the same person, a
    ``swap`` if to a keypoint of its kind, or of the mirrored one, of somebody else, and else a
    ``miss``.

    Args:
        matches: see :func:`~directpose.evaluation.matching.match_people`.
        truth: annotations of all people.
        sigmas (K,): of the keypoints.
        mirrored (K,): keypoint of the other side.

    Returns:
        kinds (M, K): indices into ``ERRORS``, -1 where a keypoint is not labelled.
    """
    people = by_image(filter(is_person, truth))
    kinds = np.full((len(matches), len(sigmas)), UNLABELLED)
    for row, (result, person, similarities) in enumerate(matches):
        (here,) = by_image([person])
        own = similarities_between(result, [person], sigmas)[0]  # (K, K)
        np.fill_diagonal(own, 0)
        others = [other for other in people[here] if other is not person]
        theirs = similarities_between(result, others, sigmas)  # (G, K, K)
        each = np.arange(len(sigmas))
        swapped = np.maximum(theirs[:, each, each], theirs[:, each, list(mirrored)]) >= NEAR
        tests = (
            similarities >= GOOD,
            similarities >= NEAR,
            (own >= NEAR).any(1),
            swapped.any(0),
            np.ones(len(sigmas), bool),
        )
        kinds[row] = np.where(np.isnan(similarities), UNLABELLED, np.argmax(tests, 0))
    return kinds


def similarities_between(result: dict, people: list[dict], sigmas: np.ndarray) -> np.ndarray:
    """Similarity of each keypoint of a result to each of G people, (G, K, K), 0 to unlabelled
    ones."""
    found, true = points_of([result], len(sigmas))[0], points_of(people, len(sigmas))
    areas = torch.tensor([area_of(person) for person in people], dtype=torch.float64)
    spreads = torch.as_tensor(sigmas, dtype=torch.float64)
    values = keypoint_similarities(
        found[:, None, :2], true[:, None, :, :2], areas[:, None], spreads
    )
    return (values * (true[:, None, :, 2] > 0)).numpy()


def count_kinds(kinds: np.ndarray) -> np.ndarray:
    """How many keypoints are of each kind: (K, 5), from kinds (M, K)."""
    return np.stack([(kinds == number).sum(0) for number in range(len(ERRORS))], -1)
