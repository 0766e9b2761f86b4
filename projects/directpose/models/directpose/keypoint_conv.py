"""The paper's baseline: keypoints from a single feature vector, without alignment."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmdet.registry import MODELS
from torch import Tensor, nn

from .sparse_maps import Locations, gather_3x3


@MODELS.register_module()
class KeypointConv(nn.Module):
    """Predict all keypoints of a location by one 3x3 convolution (DirectPose, section 3.1).

    It stands in :class:`DirectPoseHead` where :class:`KPAlign` does, with the same interface;
    its features form a single group.

    Args:
        in_channels: channels of the keypoint tower, C.
        num_keypoints: K.
        with_visibility: predict a visibility logit for each keypoint too.
    """

    def __init__(
        self,
        in_channels: int,
        num_keypoints: int,
        with_visibility: bool = False,
    ) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.feature_groups = 1
        self.point_channels = 3 if with_visibility else 2
        self.conv = nn.Conv2d(in_channels, num_keypoints * self.point_channels, 3, padding=1)

    def forward(self, feats: Sequence[Tensor], where: Locations) -> tuple[Tensor, Tensor]:
        """As :meth:`KPAlign.forward`: offsets (N, K, 2) in strides, extras (N, K, c - 2)."""
        seen = gather_3x3(feats, where).transpose(1, 2)  # (N, C, 9)
        preds = F.linear(seen.flatten(1), self.conv.weight.flatten(1), self.conv.bias)
        preds = preds.unflatten(1, (-1, self.point_channels))
        preds = preds.float() if preds.dtype in (torch.half, torch.bfloat16) else preds
        return preds[..., :2], preds[..., 2:]

    def dense_maps(self, feats: Sequence[Tensor]) -> list[Tensor]:
        """What is computed over whole levels, whatever the locations: nothing."""
        return []
