"""The towers of the head."""

from mmcv.cnn import ConvModule
from torch import nn


class Tower(nn.Sequential):
    """Stacked 3x3 convolutions with bias, GroupNorm and ReLU, shared over the levels.

    Args:
        in_channels, channels: of the input and of all outputs.
        num_norm_groups: groups of the normalisation.
        conv_groups: groups of all convolutions but the first, which is dense.
        stacked_convs: number of convolutions.
    """

    def __init__(
        self,
        in_channels: int,
        channels: int,
        num_norm_groups: int,
        conv_groups: int = 1,
        stacked_convs: int = 4,
    ) -> None:
        super().__init__(
            *(
                ConvModule(
                    in_channels if i == 0 else channels,
                    channels,
                    3,
                    padding=1,
                    groups=1 if i == 0 else conv_groups,
                    bias=True,
                    norm_cfg=dict(type='GN', num_groups=num_norm_groups),
                )
                for i in range(stacked_convs)
            )
        )
