"""The heatmap branch, an auxiliary loss of the training."""

import torch
from mmdet.registry import MODELS
from mmengine.model import BaseModule
from torch import Tensor, nn

from ..losses import reduce_avg_factor
from .tower import Tower


@MODELS.register_module()
class KeypointHeatmapHead(BaseModule):
    """Per-location keypoint classification on the level of its stride (DirectPose, section 3.3).

    K independent binary problems: the location nearest to a labelled keypoint of type k is 1
    in channel k. There is no Gaussian. The detector drops the branch at test time. Like that of
    the person classifier, the bias of the logits starts at a probability of 0.01, without which
    the many empty locations would swamp the first steps (the paper does not say).

    Args:
        num_keypoints: K.
        in_channels: channels of the feature map.
        feat_channels: channels of the two hidden convolutions.
        stride: stride of the feature map, in pixels.
        num_norm_groups: groups of the group normalisation.
        loss: config of the classification loss; its ``loss_weight`` weighs the branch.
    """

    def __init__(
        self,
        num_keypoints: int,
        in_channels: int = 256,
        feat_channels: int = 128,
        stride: int = 8,
        num_norm_groups: int = 32,
        loss: dict = dict(type='mmdet.SigmoidFocalLoss', loss_weight=4.0),  # noqa: B006
        init_cfg: dict | None = None,
    ) -> None:
        if init_cfg is None:
            init_cfg = dict(
                type='Normal',
                layer='Conv2d',
                std=0.01,
                override=dict(type='Normal', name='predictor', std=0.01, bias_prob=0.01),
            )
        super().__init__(init_cfg)
        self.stride = stride
        self.tower = Tower(in_channels, feat_channels, num_norm_groups, stacked_convs=2)
        self.predictor = nn.Conv2d(feat_channels, num_keypoints, 3, padding=1)
        self.loss_heatmap = MODELS.build(loss)

    def forward(self, feat: Tensor) -> Tensor:
        """Logits (B, K, H, W) from the feature map (B, C, H, W)."""
        return self.predictor(self.tower(feat))

    def loss(self, feat: Tensor, batch_data_samples: list) -> dict[str, Tensor]:
        """Loss of the branch, from the labels of ``gt_instance_labels``."""
        logits = self(feat).float()
        targets = self.targets(logits, [s.gt_instance_labels for s in batch_data_samples])
        num_pos = reduce_avg_factor(targets.sum())
        return dict(loss_heatmap=self.loss_heatmap(logits, targets, avg_factor=num_pos))

    def targets(self, logits: Tensor, batch_labels: list) -> Tensor:
        """Targets (B, K, H, W) in {0, 1}.

        Args:
            logits: of the shape of the targets.
            batch_labels: B instances with keypoints (G, K, 2), in network-input pixels, and
                keypoints_visible (G, K).
        """
        height, width = logits.shape[-2:]
        labelled = torch.cat([labels.keypoints_visible > 0 for labels in batch_labels])  # (G, K)
        # Cell j covers [j, j + 1) strides, so it is the nearest to all that lies there.
        keypoints = torch.cat([labels.keypoints for labels in batch_labels])
        cells = (keypoints / self.stride).floor().long()
        columns, rows = cells[..., 0].clamp(0, width - 1), cells[..., 1].clamp(0, height - 1)
        counts = enumerate(map(len, batch_labels))
        images = torch.cat([rows.new_full((count,), number) for number, count in counts])
        channels = torch.arange(labelled.shape[1], device=images.device)
        places = images[:, None], channels, rows, columns
        # Unlabelled keypoints add 0: to leave them out would make a GPU wait for their number.
        targets = logits.new_zeros(logits.shape)
        targets.index_put_(places, labelled.to(logits.dtype), accumulate=True)
        return targets.clamp(max=1)
