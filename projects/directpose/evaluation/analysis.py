"""Why an AP is as low as it is."""

from collections import defaultdict
from collections.abc import Callable

import numpy as np
import torch
from torchvision.ops import box_convert, box_iou

from .average_precision import keypoint_ap
from .calibration import calibration
from .error_types import ERRORS, classify_keypoints, count_kinds
from .matching import Matching, by_image, complete, is_person, match_people
from .oracles import oracles

PER_IMAGE = 20  # predictions that COCO's evaluation takes of an image, the best
SIZES = dict(small=(0, 32**2), medium=(32**2, 96**2), large=(96**2, float('inf')))
TOUCHING = 0.1  # least IoU of the boxes of neighbours
NEIGHBOURS = ('none', 'one', 'two', 'three or more')


def analyse(
    results: list[dict],
    truth: dict,
    skeleton: dict,
    sigmas: np.ndarray,
    score_thr: float = 0.3,
    progress: Callable = iter,
) -> tuple[dict, Matching]:
    """All numbers about the errors of results.

    Args:
        results: records in COCO's format, of any program.
        truth: content of an annotation file.
        skeleton: a parsed metainfo.
        sigmas (K,): of the keypoints.
        score_thr: who scores more is shown to a user.
        progress: wraps the runs of the evaluation.

    Returns:
        What ``analysis.json`` holds:

        - ``metrics``: of the results, in [0, 1].
        - ``people``: how many are labelled, found, missed; predictions that are doubled, background
          or ignored; ``shown``: the same of predictions above ``score_thr``.
        - ``keypoints``: the kinds of errors of :func:`classify_keypoints`, over the labelled
          keypoints of people who are found; ``by_keypoint``: of each.
        - ``by_size``, ``by_neighbours``: labelled people, found people, their mean OKS, and the
          shares of the kinds.
        - ``oracles``: see :func:`oracles`.
        - ``calibration``: see :func:`calibration`, of those shown; None where confidences are no
          probabilities, or nobody is found.
        - ``worst_images``: ids, worst first, with their ``cost``: of those shown, the sum of
          1 - OKS, and 1 for each who is missed, doubled or background.

        And which of the predictions shown is which person.
    """
    truth = complete(truth)
    results = best_of_images(results)
    matching = match_people(results, truth['annotations'], sigmas)
    mirrored = skeleton['flip_indices']
    kinds = classify_keypoints(matching.matches, truth['annotations'], sigmas, mirrored)
    counts = count_kinds(kinds)
    shown = match_people(
        [r for r in results if r['score'] > score_thr], truth['annotations'], sigmas
    )
    names = skeleton['keypoint_id2name']
    numbers = dict(
        metrics=keypoint_ap(results, truth, sigmas),
        people=count_people(matching) | dict(shown=count_people(shown), score_thr=score_thr),
        keypoints=named(counts.sum(0)),
        by_keypoint={names[k]: named(row) for k, row in enumerate(counts)},
        by_size=by_group(matching, kinds, sizes_of(truth['annotations'])),
        by_neighbours=by_group(matching, kinds, neighbours_of(truth['annotations'])),
        oracles=oracles(matching, kinds, truth, sigmas, progress),
        calibration=calibrate(shown),
        worst_images=worst_images(shown),
    )
    return numbers, shown


def best_of_images(results: list[dict]) -> list[dict]:
    """The predictions that COCO's evaluation takes."""
    images = by_image(sorted(results, key=lambda r: -r['score'])).values()
    return [result for found in images for result in found[:PER_IMAGE]]


def count_people(matching: Matching) -> dict[str, int]:
    """How many people are found or missed, and how many predictions are no people."""
    found = dict(found=len(matching.matches), missed=len(matching.missed))
    others = {name: len(getattr(matching, name)) for name in ('doubled', 'background', 'ignored')}
    return dict(labelled=sum(found.values())) | found | others


def named(counts: np.ndarray) -> dict[str, int]:
    """Numbers of the kinds of errors (5,) by their names."""
    return {kind: int(count) for kind, count in zip(ERRORS, counts, strict=True)}


def sizes_of(annotations: list[dict]) -> dict[int, str]:
    """COCO's class of size of each person, by the identity of its record."""
    return {
        id(a): next(name for name, (low, high) in SIZES.items() if low <= a['area'] < high)
        for a in annotations
        if is_person(a)
    }


def neighbours_of(annotations: list[dict]) -> dict[int, str]:
    """How many people have a box that overlaps with that of each person."""
    groups = {}
    for people in by_image(filter(is_person, annotations)).values():
        boxes = box_convert(torch.tensor([p['bbox'] for p in people]).double(), 'xywh', 'xyxy')
        counts = (box_iou(boxes, boxes) >= TOUCHING).fill_diagonal_(False).sum(1)
        for person, count in zip(people, counts.tolist(), strict=True):
            groups[id(person)] = NEIGHBOURS[min(count, len(NEIGHBOURS) - 1)]
    return groups


def by_group(matching: Matching, kinds: np.ndarray, groups: dict[int, str]) -> dict[str, dict]:
    """Numbers of the people of each group, see :func:`analyse`."""
    table = {}
    for name in dict.fromkeys((*SIZES, *NEIGHBOURS)):
        members = {key for key, group in groups.items() if group == name}
        rows = [k for k, match in enumerate(matching.matches) if id(match.person) in members]
        if members:
            counts = count_kinds(kinds[rows]).sum(0)
            oks = [matching.matches[k].oks for k in rows]
            table[name] = dict(
                labelled=len(members),
                found=len(rows),
                oks=float(np.mean(oks)) if rows else None,
                keypoints=named(counts),
            )
    return table


def calibrate(shown: Matching) -> dict | None:
    """See :func:`calibration`; None where it says nothing."""
    confidences = [v for match in shown.matches for v in match.result['keypoints'][2::3]]
    probable = bool(confidences) and 0 <= min(confidences) <= max(confidences) <= 1
    # COCO's own examples have 1 everywhere, for a keypoint that is there.
    return calibration(shown.matches) if probable and len(set(confidences)) > 1 else None


def worst_images(shown: Matching) -> list[dict]:
    """Images by what goes wrong in them, worst first, see :func:`analyse`."""
    costs: dict = defaultdict(float)
    for match in shown.matches:
        costs[match.person['image_id']] += 1 - match.oks
    for record in (*shown.missed, *shown.doubled, *shown.background):
        costs[record['image_id']] += 1
    ranked = sorted(costs.items(), key=lambda item: -item[1])
    return [dict(image_id=image_id, cost=round(cost, 3)) for image_id, cost in ranked]
