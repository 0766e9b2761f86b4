"""Whether a confidence is what it says: how often keypoints with it are found."""

import numpy as np

from ..utils.similarity import FOUND
from .matching import Match

BINS = 10


def calibration(matches: list[Match]) -> dict:
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
