"""RPN and RoI extractors that compute in float32 under mixed precision."""

import torch.nn.functional as F
from mmdet.models.dense_heads import RPNHead
from mmdet.models.roi_heads.roi_extractors import SingleRoIExtractor
from mmdet.registry import MODELS
from torch import Tensor, nn

from ..precision import float32_products


@MODELS.register_module()
class Float32RPNHead(RPNHead):
    """mmdet's RPN, whose scores and deltas are float32.

    Its suppression takes nothing else on a CPU, and in half precision many scores are the same.
    """

    def forward(self, x: tuple[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """Scores (B, A, H_l, W_l) and deltas (B, 4 * A, H_l, W_l) of each level."""
        scores, deltas = super().forward(x)
        return [s.float() for s in scores], [d.float() for d in deltas]


@MODELS.register_module()
class Float32RoIExtractor(SingleRoIExtractor):
    """mmdet's extractor, which pools in float32.

    In float16 the area of a RoI of 256 x 256 pixels is infinite, which sends it to the coarsest
    level, and corners beyond 1024 are rounded to whole pixels.
    """

    def forward(self, feats: tuple[Tensor], rois: Tensor, *args) -> Tensor:
        """Features (N, C, S, S) of RoIs (N, 5) = (image, x1, y1, x2, y2) in pixels."""
        with float32_products(rois):
            return super().forward(tuple(feat.float() for feat in feats), rois.float(), *args)


@MODELS.register_module()
class ZeroPaddedRoIExtractor(Float32RoIExtractor):
    """For RoIs that reach beyond the image.

    RoIAlign repeats the border for one cell before it gives zeros; here everything outside of the
    feature map counts as zero (Li et al. 2023, enlarged RoIs).
    """

    def build_roi_layers(self, layer_cfg: dict, featmap_strides: list[int]) -> nn.ModuleList:
        """The parent's layers, on padded maps."""
        layers = super().build_roi_layers(layer_cfg, featmap_strides)
        return nn.ModuleList(ZeroPadded(layer) for layer in layers)


class ZeroPadded(nn.Module):
    """A RoI layer on a map with a border of zeros, one cell wide."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer
        self.output_size = layer.output_size

    def forward(self, feat: Tensor, rois: Tensor) -> Tensor:
        """Features (N, C, S, S) of RoIs (N, 5) = (image, x1, y1, x2, y2) in pixels."""
        cell = 1 / self.layer.spatial_scale
        return self.layer(F.pad(feat, (1, 1, 1, 1)), rois + rois.new_tensor([0, *[cell] * 4]))
