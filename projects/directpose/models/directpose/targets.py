"""Training targets of the head.

Legend of dimensions:
    B images, P locations of all levels, G people of an image, K keypoints, N positives.
"""

from collections.abc import Sequence

import torch
from mmdet.registry import MODELS, TASK_UTILS
from mmdet.structures.bbox import bbox2distance
from mmengine.structures import InstanceData
from torch import Tensor, nn

from ...utils.errors import InputError
from ...utils.similarity import (
    FOUND,
    areas_in_boxes,
    keypoint_similarities,
    object_keypoint_similarities,
)
from ..losses import reduce_avg_factor
from .assigner import centerness_targets
from .coder import decode_keypoints, encode_keypoints


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
    return (bbox2distance(priors[:, None, :2], bboxes).amin(-1) > 0).any(-1)


def people_of(batch_labels: Sequence[InstanceData]) -> InstanceData:
    """The G people of all images, one after the other.

    Returns:
        ``batch_inds`` (G,), the image of each, ``bboxes`` (G, 4), ``labels`` (G,), ``areas`` (G,),
        ``keypoints`` (G, K, 2) and ``keypoints_visible`` (G, K), 0 or 1.
    """
    return InstanceData.cat(
        [
            InstanceData(
                batch_inds=torch.full_like(labels.labels, number, dtype=torch.long),
                bboxes=labels.bboxes.float(),
                labels=labels.labels.long(),
                areas=person_areas(labels),
                keypoints=labels.keypoints.float(),
                keypoints_visible=(labels.keypoints_visible > 0).float(),
            )
            for number, labels in enumerate(batch_labels)
        ]
    )


def targets_at(people: InstanceData, priors: Tensor) -> InstanceData:
    """Targets of the N positives.

    Args:
        people: whom each learns, of :func:`people_of`.
        priors (N, 4): (x, y, stride, stride) of the positives, in pixels.

    Returns:
        The people with ``points`` (N, 2) and ``strides`` (N,) of the locations, ``offsets``
        (N, K, 2) in strides, and ``centernesses`` (N,).
    """
    points, strides = priors[:, :2], priors[:, 2]
    people.points, people.strides = points, strides
    people.offsets = encode_keypoints(people.keypoints, points, strides)
    people.centernesses = centerness_targets(bbox2distance(points, people.bboxes))
    return people


def person_areas(labels: InstanceData) -> Tensor:
    """Areas (G,) of the people in square pixels; a share of their boxes where they are unknown."""
    in_boxes = areas_in_boxes(labels.bboxes.float())
    if 'areas' not in labels:
        return in_boxes
    areas = labels.areas.float()
    return torch.where(areas > 0, areas, in_boxes)


@TASK_UTILS.register_module()
class LabelledKeypoints:
    """The visibility branch learns whether a keypoint is labelled."""

    def __call__(self, offsets: Tensor, targets: InstanceData, sigmas: Tensor | None) -> Tensor:
        """Targets (N, K), 0 or 1.

        Args:
            offsets (N, K, 2): predicted, in strides.
            targets: see :func:`targets_at`.
            sigmas (K,): of the keypoints, unused.
        """
        return targets.keypoints_visible


@TASK_UTILS.register_module()
class FoundKeypoints:
    """The visibility branch learns whether a keypoint is labelled and the prediction near it.

    Its probability is then a confidence: how often the similarity to the truth is 0.5 or more.
    """

    @torch.no_grad()
    def __call__(self, offsets: Tensor, targets: InstanceData, sigmas: Tensor | None) -> Tensor:
        """Targets (N, K), 0 or 1; see :class:`LabelledKeypoints`.

        Raises:
            InputError: there are no sigmas.
        """
        if sigmas is None:
            raise InputError(
                'vis_target FoundKeypoints needs a sigma above 0 for each keypoint; '
                'give the head its sigmas'
            )
        keypoints = decode_keypoints(offsets, targets.points, targets.strides)
        near = keypoint_similarities(keypoints, targets.keypoints, targets.areas, sigmas) >= FOUND
        return targets.keypoints_visible * near


@MODELS.register_module()
class OKSLoss(nn.Module):
    """1 - OKS of poses, weighted by the centerness of their locations.

    Args:
        loss_weight: weight of the loss.
    """

    def __init__(self, loss_weight: float = 1.0) -> None:
        super().__init__()
        self.loss_weight = loss_weight

    def forward(self, offsets: Tensor, targets: InstanceData, sigmas: Tensor) -> Tensor:
        """The weighted mean over the N positives, whose weights count as at least 1 in sum.

        Args:
            offsets (N, K, 2): predicted, in strides.
            targets: see :func:`targets_at`.
            sigmas (K,): of the keypoints.
        """
        poses = decode_keypoints(offsets, targets.points, targets.strides)
        oks = object_keypoint_similarities(
            poses, targets.keypoints, targets.keypoints_visible, targets.areas, sigmas
        )
        weights = targets.centernesses
        return self.loss_weight * (weights * (1 - oks)).sum() / reduce_avg_factor(weights.sum())
