"""Conversion between pixels and strides; nothing else in the head converts units."""

import torch
from torch import Tensor


def encode_keypoints(keypoints: Tensor, points: Tensor, strides: Tensor) -> Tensor:
    """Offsets (N, K, 2) in strides of keypoints (N, K, 2) in pixels, seen from points (N, 2)."""
    return (keypoints - points[:, None]) / strides[:, None, None]


def decode_keypoints(offsets: Tensor, points: Tensor, strides: Tensor) -> Tensor:
    """Keypoints (N, K, 2) in pixels of offsets (N, K, 2) in strides; undoes the encoding."""
    return points[:, None] + offsets * strides[:, None, None]


def enclosing_boxes(keypoints: Tensor) -> Tensor:
    """The least boxes (N, 4) around all keypoints (N, K, 2)."""
    return torch.cat((keypoints.amin(1), keypoints.amax(1)), -1)
