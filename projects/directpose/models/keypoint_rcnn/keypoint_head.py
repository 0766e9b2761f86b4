"""Keypoint heads: from RoI features to heatmaps."""

import torch.nn.functional as F
from mmcv.cnn import ConvModule
from mmdet.registry import MODELS
from mmengine.model import BaseModule, ModuleList
from torch import Tensor, nn

from ..losses import reduce_avg_factor
from .heatmap_coder import keypoint_cells, keypoint_loss


@MODELS.register_module()
class KeypointHead(BaseModule):
    """Heatmaps of the keypoints in a region of interest (Mask R-CNN, section 5).

    3x3 convolutions with ReLU, a deconvolution of stride 2 and a bilinear upsampling by 2.

    Args:
        num_keypoints: K.
        in_channels: channels of the features.
        conv_channels: of the convolutions.
        num_convs: how many.
        loss_weight: weight of the loss.
    """

    def __init__(
        self,
        num_keypoints: int,
        in_channels: int = 256,
        conv_channels: int = 512,
        num_convs: int = 8,
        loss_weight: float = 1.0,
        init_cfg: dict | None = None,
    ) -> None:
        if init_cfg is None:
            init_cfg = dict(type='Kaiming', layer=['Conv2d', 'ConvTranspose2d'])
        super().__init__(init_cfg)
        self.loss_weight = loss_weight
        self.convs = nn.ModuleList(
            ConvModule(in_channels if i == 0 else conv_channels, conv_channels, 3, padding=1)
            for i in range(num_convs)
        )
        self.deconv = nn.ConvTranspose2d(conv_channels, num_keypoints, 4, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Features (N, C, S, S) -> logits (N, K, 4 * S, 4 * S)."""
        for conv in self.convs:
            x = conv(x)
        return self.upsample(x)

    def upsample(self, x: Tensor) -> Tensor:
        """Features (N, C, S, S) -> logits (N, K, 4 * S, 4 * S)."""
        return F.interpolate(self.deconv(x), scale_factor=2, mode='bilinear', align_corners=False)

    def loss(
        self, heatmaps: Tensor, rois: Tensor, keypoints: Tensor, visible: Tensor
    ) -> dict[str, Tensor]:
        """Loss of the heatmaps of N RoIs.

        Args:
            heatmaps (N, K, H, H): logits.
            rois (N, 4): xyxy, in network-input pixels.
            keypoints (N, K, 2): of the person of each RoI, in the same pixels.
            visible (N, K): > 0 where labelled.
        """
        cells, valid = keypoint_cells(keypoints, visible, rois, heatmaps.shape[-1])
        loss = keypoint_loss(heatmaps, cells, valid, reduce_avg_factor(valid.sum()))
        return dict(loss_keypoint=self.loss_weight * loss)


@MODELS.register_module()
class ContextKeypointHead(KeypointHead):
    """Keypoint head with global context (Li et al. 2023, section 3).

    A 1x1 convolution with ReLU, and before every fourth of the 3x3 convolutions a global context
    module.

    Args:
        context: config of the module, without its channels.
        in_channels: channels of the features.
        conv_channels: of everything after the first convolution.
        kwargs: of :class:`KeypointHead`.
    """

    every = 4

    def __init__(
        self,
        *,
        context: dict = dict(type='mmdet.GlobalContextModule'),  # noqa: B006
        in_channels: int = 256,
        conv_channels: int = 512,
        **kwargs,
    ) -> None:
        super().__init__(in_channels=conv_channels, conv_channels=conv_channels, **kwargs)
        self.entry = ConvModule(in_channels, conv_channels, 1)
        # mmengine's list lets each module initialise its weights; torch's does not.
        self.contexts = ModuleList(
            MODELS.build(dict(channels=conv_channels) | context)
            for _ in range(0, len(self.convs), self.every)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Features (N, C, S, S) -> logits (N, K, 4 * S, 4 * S)."""
        x = self.entry(x)
        for number, conv in enumerate(self.convs):
            if number % self.every == 0:
                x = self.contexts[number // self.every](x)
            x = conv(x)
        return self.upsample(x)
