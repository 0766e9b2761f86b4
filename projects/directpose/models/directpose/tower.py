"""The towers of the head."""

import functools

import torch
from mmcv.cnn import ConvModule
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint, create_selective_checkpoint_contexts

# What a Tower keeps for its gradients.
keep_convolutions = functools.partial(
    create_selective_checkpoint_contexts, [torch.ops.aten.convolution.default]
)


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

    def forward(self, x: Tensor) -> Tensor:
        """(B, C_in, H, W) -> (B, C, H, W).

        For the gradients only what the convolutions give is kept: normalisation and ReLU, which
        cost little, are computed again. That halves the memory of the tower.
        """
        if not (torch.is_grad_enabled() and self.training):
            return super().forward(x)
        return checkpoint(super().forward, x, use_reentrant=False, context_fn=keep_convolutions)


class GroupwiseTower(nn.Module):
    """Towers of single groups, one computed after the other: see :func:`split_groups`.

    Its result has its channels last in memory.
    """

    def __init__(self, towers: list[Tower]) -> None:
        super().__init__()
        self.towers = nn.ModuleList(towers)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C_in, H, W) -> (B, C, H, W)."""
        parts = None
        for group, tower in enumerate(self.towers):
            part = tower(x).permute(0, 2, 3, 1)
            if parts is None:
                parts = part.new_empty(*part.shape[:3], len(self.towers), part.shape[3])
            parts[..., group, :] = part
        return parts.flatten(3).permute(0, 3, 1, 2)


def split_groups(tower: Tower, num_groups: int) -> nn.Module:
    """The same tower for inference, with one tower for each of its groups of separate features.

    The maps of a single group stay in the caches of a CPU, those of all groups do not. A tower
    whose normalisation does not respect the groups, or that has but one, is returned as it is.
    """
    first, weights = tower[0], tower.state_dict()
    if num_groups == 1 or first.norm.num_groups % num_groups:
        return tower
    towers = []
    for group in range(num_groups):
        part = Tower(
            first.conv.in_channels,
            first.conv.out_channels // num_groups,
            first.norm.num_groups // num_groups,
            stacked_convs=len(tower),
        )
        part.load_state_dict({n: w.chunk(num_groups)[group] for n, w in weights.items()})
        towers.append(part.to(first.conv.weight).train(tower.training))
    return GroupwiseTower(towers)
