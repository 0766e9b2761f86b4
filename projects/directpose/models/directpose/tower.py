"""The towers of the head."""

import functools
from collections.abc import Sequence

import torch
from mmcv.cnn import ConvModule
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint, create_selective_checkpoint_contexts

# What a Tower keeps for its gradients.
keep_convolutions = functools.partial(
    create_selective_checkpoint_contexts, [torch.ops.aten.convolution.default]
)


class Tower(nn.Sequential):
    """Stacked convolutions with bias, GroupNorm and ReLU, shared over the levels.

    They are 3x3, but for the first one if told so.

    Args:
        in_channels, channels: of the input and of all outputs.
        num_norm_groups: groups of the normalisation.
        conv_groups: groups of all convolutions but the first, which is dense.
        stacked_convs: number of convolutions.
        first_kernel: kernel size of the first one.
        with_cp: keep nothing but the input for the gradients, and compute the rest again.
    """

    def __init__(
        self,
        in_channels: int,
        channels: int,
        num_norm_groups: int,
        conv_groups: int = 1,
        stacked_convs: int = 4,
        first_kernel: int = 3,
        with_cp: bool = False,
    ) -> None:
        super().__init__(
            *(
                ConvModule(
                    in_channels if i == 0 else channels,
                    channels,
                    kernel,
                    padding=kernel // 2,
                    groups=1 if i == 0 else conv_groups,
                    bias=True,
                    norm_cfg=dict(type='GN', num_groups=num_norm_groups),
                )
                for i, kernel in enumerate([first_kernel] + [3] * (stacked_convs - 1))
            )
        )
        self.with_cp = with_cp

    def forward(self, x: Tensor) -> Tensor:
        """(B, C_in, H, W) -> (B, C, H, W).

        For the gradients only what the convolutions give is kept, or with ``with_cp`` not even
        that: normalisation and ReLU, which cost little, are computed again. That halves the memory
        of the tower. A compiler decides by itself what it keeps.
        """
        if not (torch.is_grad_enabled() and self.training) or torch.compiler.is_compiling():
            return super().forward(x)
        kept = {} if self.with_cp else dict(context_fn=keep_convolutions)
        # Nothing in the tower is random.
        return checkpoint(super().forward, x, use_reentrant=False, preserve_rng_state=False, **kept)


class GroupwiseLayers(nn.Module):
    """Layers of single groups of features, one group computed after the other, for inference.

    The maps of a single group stay in the caches of a CPU, those of all groups do not.

    Args:
        layers: stacked convolutions with normalisation and activation, of separate groups of
            features; the first may be dense.
        num_groups: how many groups.
    """

    def __init__(self, layers: Sequence[ConvModule], num_groups: int) -> None:
        super().__init__()
        self.reads_groups = layers[0].conv.groups > 1
        self.groups = nn.ModuleList(
            nn.Sequential(*(one_group(layer, number, num_groups) for layer in layers))
            for number in range(num_groups)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, C_in, H, W) -> (B, C, H, W), whose channels are last in memory."""
        maps, num_groups = None, len(self.groups)
        for number, layers in enumerate(self.groups):
            part = layers(x.chunk(num_groups, 1)[number] if self.reads_groups else x)
            part = part.permute(0, 2, 3, 1)
            if maps is None:
                maps = part.new_empty(*part.shape[:3], num_groups, part.shape[3])
            maps[..., number, :] = part
        return maps.flatten(3).permute(0, 3, 1, 2)


def one_group(layer: ConvModule, number: int, num_groups: int) -> ConvModule:
    """What computes one group of the outputs of a layer."""
    conv, weights = layer.conv, layer.state_dict()
    separate = num_groups if conv.groups > 1 else 1
    part = ConvModule(
        conv.in_channels // separate,
        conv.out_channels // num_groups,
        conv.kernel_size,
        padding=conv.padding,
        bias=True,
        norm_cfg=dict(type='GN', num_groups=layer.norm.num_groups // num_groups),
    )
    part.load_state_dict({name: w.chunk(num_groups)[number] for name, w in weights.items()})
    return part.to(conv.weight).eval()
