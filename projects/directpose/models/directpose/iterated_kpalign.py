"""KPAlign that aligns again, at each keypoint's own estimate.

Legend of dimensions: as of ``kpt_predictors``.
"""

import torch
from mmdet.registry import MODELS
from torch import Tensor, nn

from ..precision import float32_products
from .kpt_predictors import KPAlign
from .sparse_maps import FeatureTable, Locations


@MODELS.register_module()
class IteratedKPAlign(KPAlign):
    """KPAlign that aligns again at each keypoint's own estimate.

    The offsets p of a stage are where each keypoint's features are read in the next, from the
    sampler's map of its group, at ``r * (cell + p) + (r - 1) / 2`` of the source level; two layers
    for each keypoint turn them into d, and the stage's offsets are ``stop_gradient(p) + d / r``.
    The first stage is that of :class:`KPAlign`. With visibility, each stage adds to its logits.

    Args:
        args, kwargs: of :class:`KPAlign`.
        iterations: stages after the first.
    """

    def __init__(self, *args, iterations: int = 1, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.stage_weights = [0.5] * iterations + [1.0]  # how much the loss of each counts
        count = len(self.keypoint_group)
        self.iterations = nn.ModuleList(
            keypointwise_layers(count, self.group_channels, self.point_channels)
            for _ in range(iterations)
        )

    def stages(
        self, tables: tuple[FeatureTable, FeatureTable], locations: Locations
    ) -> tuple[list[Tensor], Tensor]:
        """See :meth:`KeypointPredictor.stages`."""
        stages, vis_logits = super().stages(tables, locations)
        maps, of_group = tables[1], self.keypoint_group
        sources, ratios = (x[:, of_group] for x in self._sources(tables, locations))  # (N, K)
        ratios = ratios[..., None]
        for layers in self.iterations:
            start = stages[-1].detach()
            positions = ratios * (locations.cells[:, None] + start) + (ratios - 1) / 2
            with float32_products(start):
                preds = layers(
                    self._sample(maps, locations.batch_inds, sources, positions, of_group)
                )
            stages.append(start + preds[..., :2] / ratios)
            vis_logits = vis_logits + preds[..., 2:]
        return stages, vis_logits


def keypointwise_layers(num_keypoints: int, channels: int, outputs: int) -> nn.Sequential:
    """Two layers for each keypoint, (N, K, channels) -> (N, K, outputs); at first zero."""
    hidden = KeypointwiseLinear(num_keypoints, channels, channels)
    nn.init.kaiming_normal_(hidden.weight, nonlinearity='relu')
    return nn.Sequential(hidden, nn.ReLU(), KeypointwiseLinear(num_keypoints, channels, outputs))


class KeypointwiseLinear(nn.Module):
    """A linear layer of its own for each keypoint, which starts at zero.

    Args:
        num_keypoints: K.
        in_channels: C.
        out_channels: D.
    """

    def __init__(self, num_keypoints: int, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.num_keypoints = num_keypoints
        self.weight = nn.Parameter(torch.zeros(num_keypoints * out_channels, in_channels))
        self.bias = nn.Parameter(torch.zeros(num_keypoints * out_channels))

    def forward(self, feats: Tensor) -> Tensor:
        """Features (N, K, C) -> (N, K, D)."""
        weight, bias = (x.unflatten(0, (self.num_keypoints, -1)) for x in (self.weight, self.bias))
        return torch.einsum('nkc,kdc->nkd', feats, weight) + bias
