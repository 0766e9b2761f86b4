"""Decoding: from head outputs to people. Used by prediction and ONNX export.

Legend of dimensions:
    B images, C classes, K keypoints, N candidates or people of all images together.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.ops import nms

from .sparse_maps import Locations


class Detections(NamedTuple):
    """N people of a batch, in network-input pixels.

    Attributes:
        batch_inds (N,): image of each.
        bboxes (N, 4): xyxy.
        scores (N,)
        labels (N,): class of each.
        keypoints (N, K, 2): x, y.
        keypoint_scores (N, K)
    """

    batch_inds: Tensor
    bboxes: Tensor
    scores: Tensor
    labels: Tensor
    keypoints: Tensor
    keypoint_scores: Tensor

    def take(self, chosen: Tensor) -> 'Detections':
        """The people at some indices."""
        return Detections(*(values[chosen] for values in self))


def select_candidates(
    cls_scores: Sequence[Tensor], centernesses: Sequence[Tensor], score_thr: float, nms_pre: int
) -> tuple[Locations, Tensor, Tensor]:
    """The ``nms_pre`` best of each image and level whose class probability is above ``score_thr``.

    Args:
        cls_scores: logits (B, C, H_l, W_l) of all levels, finest first.
        centernesses: logits (B, 1 or C, H_l, W_l).

    Returns:
        Their locations, labels (N,) and scores (N,): sqrt(class probability x centerness).
    """
    num_classes = cls_scores[0].shape[1]
    # As many as are wanted are there, whatever the sizes of the maps.
    length = max(score[0].numel() for score in cls_scores) + nms_pre
    rows = []
    for cls_score, centerness in zip(cls_scores, centernesses, strict=True):
        cls_probs = cls_score.float().sigmoid()
        scores = cls_probs * centerness.float().sigmoid()
        scores = scores.masked_fill(cls_probs <= score_thr, -1).permute(0, 2, 3, 1).flatten(1)
        rows.append(F.pad(scores, (0, length - scores.shape[1]), value=-1))
    scores, inds = torch.stack(rows, 1).topk(nms_pre)  # (B, L, nms_pre)
    chosen = (scores >= 0).nonzero(as_tuple=True)
    batch_inds, levels, _ = chosen
    points, labels = inds[chosen] // num_classes, inds[chosen] % num_classes
    widths = torch.stack([levels.new_full((), x.shape[3]) for x in cls_scores])[levels]
    cells = torch.stack((points % widths, points // widths), -1)
    return Locations(batch_inds, levels, cells), labels, scores[chosen].sqrt()


def clip_boxes(bboxes: Tensor, img_sizes: Tensor) -> Tensor:
    """Boxes (N, 4) xyxy, clipped to images of sizes (N, 2) = (h, w)."""
    limits = img_sizes.to(bboxes.dtype).flip(1)
    return bboxes.clamp(min=0).minimum(torch.cat((limits, limits), 1))


def nms_by_image(
    bboxes: Tensor,
    scores: Tensor,
    batch_inds: Tensor,
    labels: Tensor,
    img_sizes: Tensor,
    num_classes: int,
    iou_thr: float,
    max_per_img: int,
) -> Tensor:
    """Indices of the best of overlapping boxes of an image and a class, by falling score.

    One suppression for all images and classes, so that nothing waits for the host: its cost grows
    with the square of the boxes of the batch.

    Args:
        bboxes (N, 4): xyxy, inside of their images.
        scores (N,)
        batch_inds (N,), labels (N,): image and class of each.
        img_sizes (B, 2): (h, w).
        num_classes: C.
        iou_thr: boxes that overlap by more than this show the same.
        max_per_img: how many of an image are kept at most.
    """
    # Beside each other, other images and classes do not overlap.
    apart = (batch_inds * num_classes + labels) * (img_sizes.max() + 1)
    keep = nms(bboxes + apart[:, None].to(bboxes.dtype), scores, iou_thr)
    images = torch.arange(img_sizes.shape[0], device=keep.device)
    of_image = batch_inds[keep][:, None] == images  # (N, B)
    ranks = (of_image.cumsum(0) * of_image).sum(1)  # from 1, within the image
    return keep[ranks <= max_per_img]
