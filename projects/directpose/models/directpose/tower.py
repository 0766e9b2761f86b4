"""The towers of the head."""

from mmcv.cnn import ConvModule
from torch import Tensor, nn


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


class GroupwiseTower(nn.Module):
    """A tower of separate features, computed one group after the other: the same numbers.

    The maps of a single group stay in the caches of a CPU, those of all groups do not. Its result
    has its channels last in memory.

    Args:
        tower: to take the weights of.
        num_groups: groups of separate features in it.
    """

    def __init__(self, tower: Tower, num_groups: int) -> None:
        super().__init__()
        first, weights = tower[0], tower.state_dict()
        self.towers = nn.ModuleList()
        for group in range(num_groups):
            part = Tower(
                first.conv.in_channels,
                first.conv.out_channels // num_groups,
                first.norm.num_groups // num_groups,
                stacked_convs=len(tower),
            )
            part.load_state_dict({n: w.chunk(num_groups)[group] for n, w in weights.items()})
            self.towers.append(part)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C_in, H, W) -> (B, C, H, W)."""
        parts = None
        for group, tower in enumerate(self.towers):
            part = tower(x).permute(0, 2, 3, 1)
            if parts is None:
                parts = part.new_empty(*part.shape[:3], len(self.towers), part.shape[3])
            parts[..., group, :] = part
        return parts.flatten(3).permute(0, 3, 1, 2)
