"""Assignment of locations to people."""

import torch
from mmdet.registry import TASK_UTILS
from mmdet.structures.bbox import bbox2distance
from torch import Tensor

from ...utils.errors import InputError


def centerness_targets(distances: Tensor) -> Tensor:
    """Centerness (N,) in [0, 1] of locations at distances (N, 4) from the sides of their box.

    sqrt(min(l, r) / max(l, r) * min(t, b) / max(t, b)), FCOS formula (3).
    """
    pairs = distances.unflatten(-1, (2, 2))  # ((l, t), (r, b))
    return (pairs.amin(-2) / pairs.amax(-2)).prod(-1).clamp(min=0).sqrt()


@TASK_UTILS.register_module()
class CenterAssigner:
    """Locations near the centre of somebody learn the smallest of these people.

    That is the assignment of FCOS (section 3.1) with centre sampling.

    Args:
        center_radius: see :meth:`candidates`.
    """

    def __init__(self, center_radius: float = 1.5) -> None:
        self.center_radius = center_radius

    def candidates(self, priors: Tensor, regress_ranges: Tensor, bboxes: Tensor) -> Tensor:
        """Which locations may learn whom: (P, G).

        A location may learn a person if it lies strictly inside the square of half side
        ``center_radius`` strides around the centre of the box, cut to the box, and the largest of
        its distances to the four sides is in the range of its level.

        Args:
            priors (P, 4): (x, y, stride, stride) of the locations, in network-input pixels.
            regress_ranges (P, 2): [low, high] of the largest distance, in pixels.
            bboxes (G, 4): (x1, y1, x2, y2) of the people, in pixels.
        """
        points = priors[:, None, :2]  # (P, 1, 2)
        centers = (bboxes[:, :2] + bboxes[:, 2:]) / 2
        reach = self.center_radius * priors[:, None, 2:]
        low = torch.maximum(centers - reach, bboxes[:, :2])  # (P, G, 2)
        high = torch.minimum(centers + reach, bboxes[:, 2:])
        inside = ((points > low) & (points < high)).all(-1)  # (P, G)

        largest = bbox2distance(points, bboxes).amax(-1)  # (P, G)
        in_range = (largest >= regress_ranges[:, :1]) & (largest <= regress_ranges[:, 1:])
        return inside & in_range

    def __call__(
        self,
        candidates: Tensor,
        bboxes: Tensor,
        oks: Tensor | None = None,
        probs: Tensor | None = None,
    ) -> Tensor:
        """Index of the person (N,) of each location, -1 for nobody.

        Args:
            candidates (N, G): who may learn whom; see :meth:`candidates`.
            bboxes (G, 4): of the people.
            oks (N, G): similarity of what is predicted to the person, for candidates.
            probs (N, G): predicted probability of the person's class.
        """
        areas = (bboxes[:, 2:] - bboxes[:, :2]).prod(-1)
        return cheapest(areas.expand_as(candidates), candidates)


@TASK_UTILS.register_module()
class OKSAssigner(CenterAssigner):
    """The locations that predict somebody best learn that person (SimOTA, by OKS).

    Of the candidates near its centre, each person takes the cheapest by
    ``-log(prob) - oks_weight * log(oks)``: as many as the sum of its ten highest OKS, rounded down,
    but at least one. A location goes to the cheapest of those who take it.

    Args:
        center_radius: see :meth:`candidates`.
    """

    oks_weight = 3.0  # of the pose against the class
    best = 10
    least = 1e-6  # to which probabilities and OKS are clamped before the logarithm

    def __init__(self, center_radius: float = 2.5) -> None:
        super().__init__(center_radius)

    def __call__(
        self,
        candidates: Tensor,
        bboxes: Tensor,
        oks: Tensor | None = None,
        probs: Tensor | None = None,
    ) -> Tensor:
        """See :meth:`CenterAssigner.__call__`.

        Raises:
            InputError: the head does not tell what it predicts.
        """
        if oks is None or probs is None:
            raise InputError('OKSAssigner needs predicted poses: use it in a DirectPoseV2Head')
        logs = [values.clamp(min=self.least).log() for values in (probs, oks)]
        costs = (-logs[0] - self.oks_weight * logs[1]).masked_fill(~candidates, float('inf'))
        best = min(self.best, len(oks))
        highest = (oks * candidates).topk(best, 0).values
        counts = highest.sum(0).floor().clamp(min=1)  # (G,), at most best
        ranked = costs.topk(best, 0, largest=False).indices  # (best, G)
        taken = torch.arange(best, device=costs.device)[:, None] < counts
        return cheapest(costs, candidates & torch.zeros_like(candidates).scatter(0, ranked, taken))


def cheapest(costs: Tensor, allowed: Tensor) -> Tensor:
    """Index (N,) of the least allowed cost of each row (N, G), -1 where nothing is allowed."""
    if costs.shape[1] == 0:
        return costs.new_full((len(costs),), -1, dtype=torch.long)
    least, inds = costs.masked_fill(~allowed, float('inf')).min(1)
    return inds.masked_fill(least.isinf(), -1)
