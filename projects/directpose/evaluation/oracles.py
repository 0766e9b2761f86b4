"""How much AP there would be without a kind of error."""

from collections.abc import Callable

import numpy as np

from .average_precision import keypoint_ap
from .error_types import ERRORS
from .matching import Match, Matching

# What is fixed, in the order of the report; see mend
REPAIRS = (*ERRORS[1:], 'keypoints', 'score', 'doubled', 'background', 'missed')


def oracles(
    matching: Matching,
    kinds: np.ndarray,
    truth: dict,
    sigmas: np.ndarray,
    progress: Callable = iter,
) -> dict[str, float]:
    """AP if each kind of error were fixed, the others left.

    Args:
        matching: of all predictions.
        kinds (M, K): of the keypoints of its matches.
        truth: content of an annotation file.
        sigmas (K,): of the keypoints.
        progress: wraps the kinds of errors, for a progress bar.

    Returns:
        AP in [0, 1]: of a keypoint ``jitter``, ``inversion``, ``swap`` and ``miss``, and all four
        (``keypoints``); with the true OKS as ``score``, 0 for who is nobody; without ``doubled``
        people, without people in the ``background``, and if nobody counted who was ``missed``.
    """
    return {
        name: keypoint_ap(*mend(name, matching, kinds, truth), sigmas)['AP']
        for name in progress(REPAIRS)
    }


def mend(name: str, matching: Matching, kinds: np.ndarray, truth: dict) -> tuple[list[dict], dict]:
    """Results and truth without a kind of error, see :func:`oracles`."""
    found = [match.result for match in matching.matches]
    rest = dict(doubled=matching.doubled, background=matching.background)
    if name in ERRORS:
        wrong = kinds == ERRORS.index(name)
        found = [correct(m, chosen) for m, chosen in zip(matching.matches, wrong, strict=True)]
    elif name == 'keypoints':
        found = [correct(m, row > 0) for m, row in zip(matching.matches, kinds, strict=True)]
    elif name == 'score':
        found = [{**match.result, 'score': match.oks} for match in matching.matches]
        rest = {kind: [{**r, 'score': 0.0} for r in results] for kind, results in rest.items()}
    elif name == 'missed':
        missed = {id(person) for person in matching.missed}
        people = [
            {**a, 'num_keypoints': 0, 'ignore': 1} if id(a) in missed else a
            for a in truth['annotations']
        ]
        truth = {**truth, 'annotations': people}
    else:
        rest[name] = []
    return [*found, *rest['doubled'], *rest['background'], *matching.ignored], truth


def correct(match: Match, chosen: np.ndarray) -> dict:
    """The prediction with some of its keypoints (K,) in their true places."""
    points = np.reshape(match.result['keypoints'], (-1, 3)).astype(float)
    points[chosen, :2] = np.reshape(match.person['keypoints'], (-1, 3))[chosen, :2]
    return {**match.result, 'keypoints': points.ravel().tolist()}
