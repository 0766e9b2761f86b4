"""Assignment of locations to people."""

import torch
from mmdet.registry import TASK_UTILS
from torch import Tensor


def assign_points(
    points: Tensor,
    strides: Tensor,
    regress_ranges: Tensor,
    bboxes: Tensor,
    center_radius: float = 1.5,
) -> Tensor:
    """Assign each location to at most one person (FCOS, section 3.1, with centre sampling).

    A location is positive for a person if it lies strictly inside the square of half side
    ``center_radius`` strides around the centre of the box, cut to the box, and the largest of
    its distances to the four sides is in the range of its level. Of several people, the one
    with the smallest box wins.

    Args:
        points (P, 2): locations, (x, y), in network-input pixels.
        strides (P,): stride of each location's level.
        regress_ranges (P, 2): [low, high] of the largest distance, in pixels.
        bboxes (G, 4): boxes, (x1, y1, x2, y2), in pixels.
        center_radius: in strides.

    Returns:
        matched_gt_inds (P,): index of the person, -1 for background.
    """
    candidates = center_region(points, strides, regress_ranges, bboxes, center_radius)
    return smallest(bboxes, candidates)


def center_region(
    points: Tensor, strides: Tensor, regress_ranges: Tensor, bboxes: Tensor, center_radius: float
) -> Tensor:
    """Which locations may be positive for whom, (P, G); see :func:`assign_points`."""
    centers = (bboxes[:, :2] + bboxes[:, 2:]) / 2
    reach = center_radius * strides[:, None, None]  # (P, 1, 1)
    low = torch.maximum(centers - reach, bboxes[:, :2])  # (P, G, 2)
    high = torch.minimum(centers + reach, bboxes[:, 2:])
    inside = ((points[:, None] > low) & (points[:, None] < high)).all(-1)  # (P, G)

    largest = box_distances(points[:, None], bboxes).amax(-1)  # (P, G)
    in_range = (largest >= regress_ranges[:, :1]) & (largest <= regress_ranges[:, 1:])
    return inside & in_range


def box_distances(points: Tensor, bboxes: Tensor) -> Tensor:
    """Distances (..., 4) = (left, top, right, bottom) of points (..., 2) to the box sides."""
    return torch.cat((points - bboxes[..., :2], bboxes[..., 2:] - points), -1)


def centerness_targets(distances: Tensor) -> Tensor:
    """Centerness (N,) in [0, 1] of locations at distances (N, 4) from the sides of their box.

    sqrt(min(l, r) / max(l, r) * min(t, b) / max(t, b)), FCOS formula (3).
    """
    pairs = distances.unflatten(-1, (2, 2))  # ((l, t), (r, b))
    return (pairs.amin(-2) / pairs.amax(-2)).prod(-1).clamp(min=0).sqrt()


@TASK_UTILS.register_module()
class CenterAssigner:
    """Locations near the centre of somebody learn the smallest of these people, as in FCOS.

    Args:
        center_radius: see :func:`assign_points`.
    """

    def __init__(self, center_radius: float = 1.5) -> None:
        self.center_radius = center_radius

    def __call__(self, candidates: Tensor, oks: Tensor, probs: Tensor, bboxes: Tensor) -> Tensor:
        """Index of the person (N,) of each location, -1 for nobody.

        Args:
            candidates (N, G): who may learn whom; see :func:`center_region`.
            oks (N, G): similarity of what is predicted to the person, for candidates.
            probs (N, G): predicted probability of the person's class.
            bboxes (G, 4): of the people.
        """
        return smallest(bboxes, candidates)


@TASK_UTILS.register_module()
class OKSAssigner(CenterAssigner):
    """The locations that predict somebody best learn that person (SimOTA, by OKS).

    Of the candidates near its centre, each person takes the cheapest by
    ``-log(prob) - oks_weight * log(oks)``: as many as the sum of its ten highest OKS, rounded down,
    but at least one. A location goes to the cheapest of those who take it.

    Args:
        center_radius: see :func:`assign_points`.
    """

    oks_weight = 3.0  # of the pose against the class
    best = 10
    least = 1e-6  # to which probabilities and OKS are clamped before the logarithm

    def __init__(self, center_radius: float = 2.5) -> None:
        super().__init__(center_radius)

    def __call__(self, candidates: Tensor, oks: Tensor, probs: Tensor, bboxes: Tensor) -> Tensor:
        """See :meth:`CenterAssigner.__call__`."""
        logs = [values.clamp(min=self.least).log() for values in (probs, oks)]
        costs = (-logs[0] - self.oks_weight * logs[1]).masked_fill(~candidates, float('inf'))
        best = min(self.best, len(oks))
        highest = (oks * candidates).topk(best, 0).values
        counts = highest.sum(0).floor().clamp(min=1)  # (G,), at most best
        ranked = costs.topk(best, 0, largest=False).indices  # (best, G)
        taken = torch.arange(best, device=costs.device)[:, None] < counts
        return cheapest(costs, candidates & torch.zeros_like(candidates).scatter(0, ranked, taken))


def smallest(bboxes: Tensor, candidates: Tensor) -> Tensor:
    """Index (N,) of the least of the boxes (G, 4) that each row (N, G) may have, -1 for none."""
    areas = (bboxes[:, 2:] - bboxes[:, :2]).prod(-1)
    return cheapest(areas.expand_as(candidates), candidates)


def cheapest(costs: Tensor, allowed: Tensor) -> Tensor:
    """Index (N,) of the least allowed cost of each row (N, G), -1 where nothing is allowed."""
    if costs.shape[1] == 0:
        return costs.new_full((len(costs),), -1, dtype=torch.long)
    least, inds = costs.masked_fill(~allowed, float('inf')).min(1)
    return inds.masked_fill(least.isinf(), -1)
