"""Anti-aliased ResNet: what halves the resolution blurs first (Zhang, ICML 2019)."""

from typing import ClassVar

import torch
import torch.nn.functional as F
from mmdet.models.backbones.resnet import Bottleneck, ResNet
from mmdet.registry import MODELS
from torch import Tensor, nn


def blur_down(x: Tensor, kernel: Tensor) -> Tensor:
    """Blur every channel of (B, C, H, W) and take every second row and column.

    Args:
        kernel (3, 3): of the blur.

    Returns:
        (B, C, ceil(H / 2), ceil(W / 2)); the border is reflected.
    """
    kernel = kernel.to(x.dtype).expand(x.shape[1], 1, 3, 3)
    return F.conv2d(F.pad(x, (1, 1, 1, 1), 'reflect'), kernel, stride=2, groups=x.shape[1])


def blur_kernel() -> Tensor:
    """1-2-1 in both directions, (3, 3), of sum 1."""
    line = torch.tensor([0.25, 0.5, 0.25])
    return line[:, None] * line


class BlurMaxPool2d(nn.Module):
    """2x2 maximum at stride 1, then blur and subsampling: (B, C, H, W) -> half of it."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer('kernel', blur_kernel(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return blur_down(F.max_pool2d(x, 2, stride=1), self.kernel)


class BlurConv2d(nn.Conv2d):
    """1x1 convolution of what :func:`blur_down` leaves; its weights are those of a Conv2d."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels, 1, bias=False)
        self.register_buffer('kernel', blur_kernel(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(blur_down(x, self.kernel))


class BlurBottleneck(Bottleneck):
    """Bottleneck whose stride stands before its last convolution and before the shortcut's."""

    def __init__(
        self,
        inplanes: int,
        planes: int,
        stride: int = 1,
        downsample: nn.Sequential | None = None,
        **kwargs,
    ) -> None:
        super().__init__(inplanes, planes, stride=1, downsample=downsample, **kwargs)
        if stride == 2:
            self.conv3 = BlurConv2d(planes, planes * self.expansion)
            downsample[0] = BlurConv2d(inplanes, planes * self.expansion)


@MODELS.register_module()
class BlurResNet(ResNet):
    """ResNet-50, -101 or -152 that blurs wherever it halves the resolution after its first
    convolution.

    The weights have the names and shapes of a plain ResNet's. Arguments are those of
    :class:`mmdet.models.ResNet`; ``style`` and ``avg_down`` keep their defaults, and
    ``zero_init_residual`` has no effect.
    """

    arch_settings: ClassVar = {
        depth: (BlurBottleneck, blocks)
        for depth, (block, blocks) in ResNet.arch_settings.items()
        if block is Bottleneck
    }

    def _make_stem_layer(self, in_channels: int, stem_channels: int) -> None:
        super()._make_stem_layer(in_channels, stem_channels)
        self.maxpool = BlurMaxPool2d()
