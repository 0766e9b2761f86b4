"""Keypoints <-> heatmaps of regions of interest: targets, loss and decoding.

Legend of dimensions:
    N regions of interest (RoIs), K keypoints, S side of a heatmap.

RoIs are (x1, y1, x2, y2) in network-input pixels, keypoints (x, y) likewise.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from ...utils.similarity import FOUND


def keypoint_cells(keypoints: Tensor, visible: Tensor, rois: Tensor, size: int) -> tuple:
    """The heatmap cell of each keypoint (Mask R-CNN, section 3, «Human Pose Estimation»).

    A cell is a share 1 / S of its RoI; the right and the bottom border belong to the last cell.

    Args:
        keypoints (N, K, 2): of the person of each RoI.
        visible (N, K): > 0 where labelled.
        rois (N, 4): the RoIs.
        size: S.

    Returns:
        cells (N, K): index of the cell, row by row, 0 where there is none.
        valid (N, K): whether the keypoint is labelled and inside its RoI.
    """
    corner, far = rois[:, None, :2], rois[:, None, 2:]
    scale = size / (far - corner)
    places = ((keypoints - corner) * scale).floor().long()  # (N, K, 2)
    places = torch.where(keypoints == far, size - 1, places)
    valid = (visible > 0) & ((places >= 0) & (places < size)).all(-1)
    return (places[..., 1] * size + places[..., 0]) * valid, valid


def keypoint_loss(heatmaps: Tensor, cells: Tensor, valid: Tensor, avg_factor: Tensor) -> Tensor:
    """Softmax cross entropy over the cells of each heatmap.

    Args:
        heatmaps (N, K, S, S): logits.
        cells (N, K), valid (N, K): see :func:`keypoint_cells`.
        avg_factor: the number of valid keypoints.

    Returns:
        The sum over the valid keypoints / avg_factor; 0, with gradients, if there are none.
    """
    nothing = -1
    logits = heatmaps.flatten(2).flatten(0, 1).float()
    targets = torch.where(valid, cells, nothing).flatten()
    loss = F.cross_entropy(logits, targets, ignore_index=nothing, reduction='sum')
    return loss / avg_factor


@torch.no_grad()
def decode_heatmaps(heatmaps: Tensor, rois: Tensor) -> tuple[Tensor, Tensor]:
    """The place of the highest value of each heatmap, resized to its RoI.

    A heatmap is resized (bicubic) to the whole pixels of its RoI; the centre of the highest
    pixel, scaled back to the size of the RoI, is the keypoint. As detectron2 does it.

    Args:
        heatmaps (N, K, S, S): logits.
        rois (N, 4): where they lie.

    Returns:
        keypoints (N, K, 2): (x, y) in the pixels of the RoIs.
        logits (N, K): the highest values.
    """
    sides = (rois[:, 2:] - rois[:, :2]).clamp(min=1)  # (N, 2)
    pixels = sides.ceil()
    places = heatmaps.new_zeros(*heatmaps.shape[:2], 2)
    logits = heatmaps.new_zeros(heatmaps.shape[:2])
    # One wait for all sizes. To resize several together, by products of matrices, is faster, but
    # rounds otherwise: of two places that are equally high it can take the other one.
    for n, (width, height) in enumerate(pixels.long().tolist()):
        resized = F.interpolate(heatmaps[n, None], (height, width), mode='bicubic')
        logits[n], index = resized[0].flatten(1).max(1)  # (K,)
        places[n] = torch.stack((index % width, index // width), 1)
    keypoints = (places + 0.5) * (sides / pixels)[:, None] + rois[:, None, :2]
    return keypoints, logits


@torch.no_grad()
def keypoint_confidences(
    heatmaps: Tensor, rois: Tensor, keypoints: Tensor, areas: Tensor, sigmas: Tensor
) -> Tensor:
    """The probability that each keypoint is found, (N, K), as the heatmaps have it.

    The softmax over the cells of a heatmap tells where the keypoint may be. The shares
    of the cells whose similarity to the prediction is 0.5 or more are added up.

    Args:
        heatmaps (N, K, S, S): logits.
        rois (N, 4): where they lie.
        keypoints (N, K, 2): predicted, in the pixels of the RoIs.
        areas (N,): of the people, in square pixels.
        sigmas (K,): of the keypoints, as in COCO's OKS.
    """
    size = heatmaps.shape[-1]
    centers = (torch.arange(size, device=heatmaps.device) + 0.5) / size
    cells = rois[:, :2, None] + (rois[:, 2:] - rois[:, :2])[..., None] * centers  # (N, 2, S)
    spreads = 8 * sigmas**2 * areas[:, None]  # (N, K), see keypoint_similarities
    distances = (cells[:, None] - keypoints[..., None]).square() / spreads[..., None, None]
    # exp(-x^2 - y^2) is a product, which spares an exponential in every cell
    x, y = (-distances).exp().unbind(2)  # (N, K, S)
    near = y[..., :, None] * x[..., None, :] >= FOUND
    return (heatmaps.flatten(2).softmax(2) * near.flatten(2)).sum(2)


def enlarge(rois: Tensor, scale: float) -> Tensor:
    """RoIs (N, 4) of ``scale`` times the width and height around the same centre, not clipped."""
    centers, halves = (rois[:, :2] + rois[:, 2:]) / 2, (rois[:, 2:] - rois[:, :2]) / 2
    return torch.cat((centers - halves * scale, centers + halves * scale), 1)
