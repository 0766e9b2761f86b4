"""The Global Context Module of the refined Keypoint R-CNN.

Legend of dimensions:
    N regions of interest, C channels, H heads, D channels of a head, S side of the grid.
"""

import torch
import torch.nn.functional as F
from mmcv.cnn import build_norm_layer
from mmdet.registry import MODELS
from mmengine.model import BaseModule
from torch import Tensor, nn

from ...utils.errors import InputError


class RelativeSelfAttention(nn.Module):
    """Multi-head self-attention over the cells of a grid, with relative positions.

    The logit of a query cell (y, x) and a key cell (y', x') is
    ``q·k + q·R_w[x' - x + S - 1] + q·R_h[y' - y + S - 1]``, q scaled by D ** -0.5; R_w and R_h
    are learned and shared by the heads. There is no output projection.

    Args:
        channels: C, of input and output.
        num_heads: H, of C / H channels each.
        grid_size: S.
    """

    def __init__(self, channels: int, num_heads: int, grid_size: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.grid_size = grid_size
        depth = channels // num_heads
        self.to_qk = nn.Conv2d(channels, 2 * channels, 1, bias=False)
        self.to_v = nn.Conv2d(channels, channels, 1, bias=False)
        self.rel_height = nn.Parameter(torch.randn(2 * grid_size - 1, depth) * depth**-0.5)
        self.rel_width = nn.Parameter(torch.randn(2 * grid_size - 1, depth) * depth**-0.5)
        steps = torch.arange(grid_size)
        relative = steps - steps[:, None] + grid_size - 1  # (query, key)
        self.register_buffer('relative', relative, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, S, S) -> (N, C, S, S)."""
        query, key, value = (
            part.unflatten(1, (self.num_heads, -1)).flatten(3).transpose(2, 3)  # (N, H, S * S, D)
            for part in (*self.to_qk(x).chunk(2, 1), self.to_v(x))
        )
        logits = self.position_logits(query)
        if torch.compiler.is_exporting():  # torch's own looks at the number of regions
            logits = logits + query @ key.transpose(2, 3) * query.shape[-1] ** -0.5
            attended = logits.softmax(-1) @ value
        else:
            attended = F.scaled_dot_product_attention(query, key, value, attn_mask=logits)
        return attended.transpose(2, 3).flatten(1, 2).unflatten(2, x.shape[-2:])

    def position_logits(self, query: Tensor) -> Tensor:
        """The part of the logits that depends on the relative place: (N, H, S * S, S * S).

        Args:
            query (N, H, S * S, D): not scaled.
        """
        size = self.grid_size
        grid = query.unflatten(2, (size, size))  # (N, H, y, x, D)
        # The tables are scaled in the place of the queries, which are many more.
        height, width = (
            table[self.relative] * query.shape[-1] ** -0.5
            for table in (self.rel_height, self.rel_width)
        )
        rows = torch.einsum('nhyxd,yvd->nhyxv', grid, height)
        columns = torch.einsum('nhyxd,xud->nhyxu', grid, width)
        return (rows[..., :, None] + columns[..., None, :]).flatten(4).flatten(2, 3)


@MODELS.register_module()
class GlobalContextModule(BaseModule):
    """Let every cell of a region of interest see all others (Li et al. 2023, section 3).

    ``x + attention(ReLU(BN(x)))``, then ``x + conv3x3(ReLU(BN(x)))``.

    Args:
        channels: C, of input and output.
        num_heads: of the attention.
        grid_size: S, side of the grid of cells.
        norm_cfg: of the normalisation, for example ``dict(type='SyncBN')``.
        init_cfg: by default as the authors': convolutions Kaiming-normal by fan-out, weights of
            the normalisation uniform in [0, 1], biases 0.

    Raises:
        InputError: the channels cannot be shared out to the heads.
    """

    def __init__(
        self,
        channels: int = 512,
        num_heads: int = 4,
        grid_size: int = 14,
        norm_cfg: dict = dict(type='BN'),  # noqa: B006
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        if init_cfg is None:
            norms = ['_BatchNorm', 'GroupNorm']
            init_cfg = [
                dict(type='Kaiming', layer='Conv2d'),
                dict(type='Uniform', layer=norms, a=0, b=1),
            ]
        super().__init__(init_cfg)
        if channels % num_heads:
            raise InputError(
                f'GlobalContextModule: {num_heads} heads cannot share {channels} channels'
            )
        self.norm1 = build_norm_layer(norm_cfg, channels)[1]
        self.attention = RelativeSelfAttention(channels, num_heads, grid_size)
        self.norm2 = build_norm_layer(norm_cfg, channels)[1]
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, S, S) -> (N, C, S, S)."""
        # In place where no gradient needs the values: this is bound by memory.
        x = x + self.attention(self.norm1(x).relu_())
        return self.conv(self.norm2(x).relu_()).add_(x)
