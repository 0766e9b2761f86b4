"""Training targets of the head.

Legend of dimensions:
    B images, P locations of all levels, G people of an image, K keypoints, N positives.
"""

import itertools
from collections.abc import Sequence

import torch
from mmengine.structures import InstanceData
from torch import Tensor

from .assigner import box_distances, centerness_targets
from .coder import encode_keypoints


@torch.no_grad()
def ignored_locations(priors: Tensor, labels: InstanceData) -> Tensor:
    """Locations (P,) in the box of somebody without a labelled keypoint.

    Whether they show a person is not learnt there: the data pipeline decides whether these people
    are left out, as in the paper, or kept with their boxes.

    Args:
        priors (P, 4): (x, y, stride, stride) in pixels.
        labels: ``bboxes`` (G, 4) xyxy and ``keypoints_visible`` (G, K).
    """
    labelled = (labels.keypoints_visible > 0).any(-1, keepdim=True)
    bboxes = torch.where(labelled, 0.0, labels.bboxes.float())
    return (box_distances(priors[:, None, :2], bboxes).amin(-1) > 0).any(-1)


@torch.no_grad()
def positive_targets(
    priors: Tensor,
    batch_labels: Sequence[InstanceData],
    matched: Tensor,
    batch_inds: Tensor,
    point_inds: Tensor,
) -> InstanceData:
    """Targets of the N positives, from the person each is matched to.

    Args:
        priors (P, 4): (x, y, stride, stride) in pixels.
        batch_labels: of the B images, see :meth:`DirectPoseHead.loss`.
        matched (B, P): index of the person of each location within its image.
        batch_inds (N,), point_inds (N,): the positives.

    Returns:
        ``bboxes`` (N, 4), ``labels`` (N,), ``keypoints`` (N, K, 2), ``keypoints_visible`` (N, K),
        0 or 1, ``points`` (N, 2) and ``strides`` (N,) of the locations, ``offsets`` (N, K, 2) in
        strides, ``centernesses`` (N,).
    """
    starts = itertools.accumulate([0, *map(len, batch_labels[:-1])])
    # Filled on the device: a GPU would wait for a copy from the host.
    first = torch.stack([matched.new_full((), start) for start in starts])
    people = InstanceData.cat(
        [
            InstanceData(
                bboxes=labels.bboxes.float(),
                labels=labels.labels.long(),
                keypoints=labels.keypoints.float(),
                keypoints_visible=(labels.keypoints_visible > 0).float(),
            )
            for labels in batch_labels
        ]
    )
    targets = people[matched[batch_inds, point_inds] + first[batch_inds]]
    targets.points = priors[point_inds, :2]
    targets.strides = priors[point_inds, 2]
    targets.offsets = encode_keypoints(targets.keypoints, targets.points, targets.strides)
    targets.centernesses = centerness_targets(box_distances(targets.points, targets.bboxes))
    return targets
