"""Assignment of locations to people, as in FCOS."""

import torch
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

    Returns:
        matched_gt_inds (P,): index of the person, -1 for background.
    """
    if len(bboxes) == 0:
        return points.new_full((len(points),), -1, dtype=torch.long)
    centers = (bboxes[:, :2] + bboxes[:, 2:]) / 2
    reach = center_radius * strides[:, None, None]  # (P, 1, 1)
    low = torch.maximum(centers - reach, bboxes[:, :2])  # (P, G, 2)
    high = torch.minimum(centers + reach, bboxes[:, 2:])
    inside = ((points[:, None] > low) & (points[:, None] < high)).all(-1)  # (P, G)

    largest = box_distances(points[:, None], bboxes).amax(-1)  # (P, G)
    in_range = (largest >= regress_ranges[:, :1]) & (largest <= regress_ranges[:, 1:])

    areas = (bboxes[:, 2:] - bboxes[:, :2]).prod(-1)
    costs = areas.expand(len(points), -1).masked_fill(~(inside & in_range), float('inf'))
    smallest, matched_gt_inds = costs.min(-1)
    return matched_gt_inds.masked_fill(smallest.isinf(), -1)


def box_distances(points: Tensor, bboxes: Tensor) -> Tensor:
    """Distances (..., 4) = (left, top, right, bottom) of points (..., 2) to the box sides."""
    return torch.cat((points - bboxes[..., :2], bboxes[..., 2:] - points), -1)


def centerness_targets(distances: Tensor) -> Tensor:
    """Centerness (N,) in [0, 1] of locations at distances (N, 4) from the sides of their box.

    sqrt(min(l, r) / max(l, r) * min(t, b) / max(t, b)), FCOS formula (3).
    """
    pairs = distances.unflatten(-1, (2, 2))  # ((l, t), (r, b))
    return (pairs.amin(-2) / pairs.amax(-2)).prod(-1).clamp(min=0).sqrt()
