"""Keypoints <-> heatmaps of regions of interest: targets, loss and decoding.

Legend of dimensions:
    N regions of interest (RoIs), K keypoints, S side of a heatmap.

RoIs are (x1, y1, x2, y2) in network-input pixels, keypoints (x, y) likewise.
"""

from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from ..precision import float32_products


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
def decode_heatmaps(heatmaps: Tensor, rois: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The place of the highest value of each heatmap, resized to its RoI.

    A heatmap is resized (bicubic) to the whole pixels of its RoI; the centre of the highest
    pixel, scaled back to the size of the RoI, is the keypoint. As detectron2 does it.

    Args:
        heatmaps (N, K, S, S): logits.
        rois (N, 4): where they lie.

    Returns:
        keypoints (N, K, 2): (x, y) in the pixels of the RoIs.
        logits (N, K): the highest values.
        scores (N, K): their probabilities under the softmax over the S * S cells.
    """
    sides = (rois[:, 2:] - rois[:, :2]).clamp(min=1)  # (N, 2)
    pixels = sides.ceil()
    places = heatmaps.new_zeros(*heatmaps.shape[:2], 2)
    logits = heatmaps.new_zeros(heatmaps.shape[:2])
    for chosen, extent in size_classes(pixels.long().tolist(), heatmaps.shape[1]):
        inds = torch.tensor(chosen, device=rois.device)
        logits[inds], places[inds] = find_peaks(heatmaps[inds], pixels[inds], extent)
    scores = 1 / (heatmaps - logits[..., None, None]).exp().sum((2, 3))
    keypoints = (places + 0.5) * (sides / pixels)[:, None] + rois[:, None, :2]
    return keypoints, logits, scores


def size_classes(
    sizes: Sequence[Sequence[int]], num_maps: int, limit: int = 2**22
) -> Iterator[tuple[list[int], tuple[int, int]]]:
    """RoIs that are resized together, smallest first.

    Args:
        sizes: (width, height) of the RoIs in pixels.
        num_maps: heatmaps of each.
        limit: values of a class, unless a single RoI has more.

    Yields:
        Indices of the RoIs, and the largest width and height of them.
    """
    chosen: list[int] = []
    extent = (0, 0)
    for number in sorted(range(len(sizes)), key=lambda n: sizes[n][0] * sizes[n][1]):
        width, height = sizes[number]
        wider = max(width, extent[0]), max(height, extent[1])
        if chosen and (len(chosen) + 1) * num_maps * wider[0] * wider[1] > limit:
            yield chosen, extent
            chosen, wider = [], (width, height)
        chosen.append(number)
        extent = wider
    if chosen:
        yield chosen, extent


def find_peaks(heatmaps: Tensor, pixels: Tensor, extent: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """The highest value of each heatmap after its resizing, and its pixel.

    To resize is to multiply by a matrix from the left and by one from the right.

    Args:
        heatmaps (N, K, S, S)
        pixels (N, 2): (width, height) that each is resized to, whole numbers.
        extent: the largest of them.

    Returns:
        values (N, K), places (N, K, 2): (x, y).
    """
    columns, rows = (
        bicubic_weights(pixels[:, axis], extent[axis], heatmaps.shape[-1])[:, None]
        for axis in (0, 1)
    )  # (N, 1, W, S), (N, 1, H, S)
    with float32_products(heatmaps):
        resized = rows @ heatmaps @ columns.transpose(2, 3)  # (N, K, H, W)
    x, y = (torch.arange(length, device=pixels.device) for length in extent)
    outside = (x >= pixels[:, :1])[:, None] | (y >= pixels[:, 1:])[:, :, None]  # (N, H, W)
    values, index = resized.masked_fill(outside[:, None], -torch.inf).flatten(2).max(2)
    return values, torch.stack((index % extent[0], index // extent[0]), 2).to(heatmaps.dtype)


def bicubic_weights(pixels: Tensor, length: int, side: int) -> Tensor:
    """Weights of ``side`` cells in each pixel of a resized row, (N, length, side).

    Those of :func:`torch.nn.functional.interpolate` (Keys 1981, a = -0.75; a border cell goes on
    outside).

    Args:
        pixels (N,): of the rows, of which the first ``length`` are given.
    """
    a = -0.75
    places = (torch.arange(length, device=pixels.device) + 0.5) * (side / pixels[:, None]) - 0.5
    low = places.floor()[..., None]
    taps = low + torch.arange(-1, 3, device=pixels.device)  # (N, length, 4)
    distances = (places[..., None] - taps).abs()
    near = ((a + 2) * distances - (a + 3)) * distances**2 + 1
    far = ((a * distances - 5 * a) * distances + 8 * a) * distances - 4 * a
    weights = torch.where(distances <= 1, near, far)
    cells = taps.long().clamp(0, side - 1)
    return weights.new_zeros(*places.shape, side).scatter_add(2, cells, weights)


def enlarge(rois: Tensor, scale: float) -> Tensor:
    """RoIs (N, 4) of ``scale`` times the width and height around the same centre, not clipped."""
    centers, halves = (rois[:, :2] + rois[:, 2:]) / 2, (rois[:, 2:] - rois[:, :2]) / 2
    return torch.cat((centers - halves * scale, centers + halves * scale), 1)
