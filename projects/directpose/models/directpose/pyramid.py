"""Flat numbering of the locations of a feature pyramid."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor


class PyramidIndex(NamedTuple):
    """Where the P locations of L levels lie: level by level, finest first, row by row.

    Attributes:
        widths (L,): columns of each level.
        heights (L,): rows of each level.
        starts (L,): flat index of the first location of each level.
        num_points: P.
    """

    widths: Tensor
    heights: Tensor
    starts: Tensor
    num_points: int

    @classmethod
    def of(cls, feats: Sequence[Tensor]) -> 'PyramidIndex':
        """Index of the feature maps (B, C, H_l, W_l)."""
        sizes = [tuple(x.shape[-2:]) for x in feats]
        counts = [h * w for h, w in sizes]
        starts = [sum(counts[:level]) for level in range(len(counts))]
        table = [[w for _, w in sizes], [h for h, _ in sizes], starts]
        widths, heights, starts = torch.tensor(table, device=feats[0].device)
        return cls(widths, heights, starts, sum(counts))

    def level_and_cell(self, point_inds: Tensor) -> tuple[Tensor, Tensor]:
        """Levels (N,) and cells (N, 2), (column, row), of flat indices (N,)."""
        levels = torch.bucketize(point_inds, self.starts, right=True) - 1
        local = point_inds - self.starts[levels]
        widths = self.widths[levels]
        return levels, torch.stack((local % widths, local // widths), -1)

    def flatten(self, levels: Tensor, columns: Tensor, rows: Tensor) -> Tensor:
        """Flat indices of cells; the three arguments broadcast."""
        return self.starts[levels] + rows * self.widths[levels] + columns
