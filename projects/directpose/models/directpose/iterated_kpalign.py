"""KPAlign that aligns again, at each keypoint's own estimate.

Legend of dimensions: as of ``kpt_predictors``.
"""

from collections.abc import Sequence

import torch
from mmdet.registry import MODELS
from torch import Tensor, nn

from ...utils.errors import InputError
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
        stage_weights: how much the loss of each stage counts, by default 0.5 for all but the last.
    """

    def __init__(
        self,
        *args,
        iterations: int = 1,
        stage_weights: Sequence[float] | None = None,
        **kwargs,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.stage_weights = stage_weights or [0.5] * iterations + [1.0]
        if len(self.stage_weights) != iterations + 1:
            raise InputError(
                f'{iterations} iterations but {len(self.stage_weights)} stage_weights: '
                'IteratedKPAlign needs one of each for every iteration, and one before'
            )
        count = len(self.get_buffer('keypoint_group'))
        self.iterations = nn.ModuleList(
            KeypointwiseLayers(count, self.group_channels, self.point_channels)
            for _ in range(iterations)
        )

    def stages(
        self, tables: tuple[FeatureTable, FeatureTable], locations: Locations
    ) -> tuple[list[Tensor], Tensor]:
        """See :meth:`KeypointPredictor.stages`."""
        stages, vis_logits = super().stages(tables, locations)
        maps, of_group = tables[1], self.get_buffer('keypoint_group')
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


class KeypointwiseLayers(nn.Module):
    """Two layers with a ReLU between for each keypoint, in float32; the last starts at zero.

    Args:
        num_keypoints: K.
        channels: C.
        outputs: c, of each keypoint.
    """

    def __init__(self, num_keypoints: int, channels: int, outputs: int) -> None:
        super().__init__()
        self.num_keypoints = num_keypoints
        hidden = torch.randn(num_keypoints * channels, channels) * (2 / channels) ** 0.5
        self.hidden_weight = nn.Parameter(hidden)
        self.hidden_bias = nn.Parameter(torch.zeros(num_keypoints * channels))
        self.weight = nn.Parameter(torch.zeros(num_keypoints * outputs, channels))
        self.bias = nn.Parameter(torch.zeros(num_keypoints * outputs))

    def forward(self, feats: Tensor) -> Tensor:
        """Features (N, K, C) -> outputs (N, K, c)."""
        hidden = self._layer(feats, self.hidden_weight, self.hidden_bias).relu()
        return self._layer(hidden, self.weight, self.bias)

    def _layer(self, feats: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """A layer with outputs of its own for each keypoint: (N, K, C) -> (N, K, D)."""
        weight, bias = (x.unflatten(0, (self.num_keypoints, -1)) for x in (weight, bias))
        return torch.einsum('nkc,kdc->nkd', feats, weight) + bias
