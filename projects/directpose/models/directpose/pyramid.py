"""Locations of a feature pyramid, and the cells of its maps as rows of tables."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor


class Locations(NamedTuple):
    """N cells of a batch of pyramids.

    Attributes:
        batch_inds (N,): image of each.
        levels (N,): level, 0 is the finest.
        cells (N, 2): (column, row) in the map of that level.
    """

    batch_inds: Tensor
    levels: Tensor
    cells: Tensor

    @classmethod
    def of_points(
        cls, batch_inds: Tensor, point_inds: Tensor, sizes: Iterable[tuple[int, int]]
    ) -> 'Locations':
        """From flat indices among the locations of all levels, finest first, row by row.

        Args:
            batch_inds (N,), point_inds (N,): image and flat index.
            sizes: (H, W) of all levels.
        """
        sizes = torch.tensor(list(sizes), device=point_inds.device)
        counts = sizes.prod(1)
        levels = torch.bucketize(point_inds, counts.cumsum(0), right=True)
        local = point_inds - (counts.cumsum(0) - counts)[levels]
        widths = sizes[levels, 1]
        return cls(batch_inds, levels, torch.stack((local % widths, local // widths), -1))


class LazyMaps(Sequence):
    """The feature maps of the levels, each computed when it is first asked for.

    Args:
        function: from the input of a level to its map.
        inputs: of all levels.
    """

    def __init__(self, function: Callable[[Tensor], Tensor], inputs: Sequence[Tensor]) -> None:
        self._function = function
        self._inputs = inputs
        self._maps = {}

    def __len__(self) -> int:
        return len(self._inputs)

    def __getitem__(self, level: int) -> Tensor:
        if not 0 <= level < len(self):
            raise IndexError(level)
        if level not in self._maps:
            self._maps[level] = self._function(self._inputs[level])
        return self._maps[level]


class CellRows(NamedTuple):
    """The cells of a map as the rows of a table.

    Attributes:
        table (B * H * W, C): image by image, row by row.
        width, height: of the map.
    """

    table: Tensor
    width: int
    height: int

    @classmethod
    def of(cls, feat: Tensor) -> 'CellRows':
        """From a map (B, C, H, W): without a copy where its channels are last in memory."""
        return cls(feat.permute(0, 2, 3, 1).flatten(0, 2), feat.shape[3], feat.shape[2])

    def row_of(self, batch_inds: Tensor, columns: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Row of the table of each cell, and whether there is such a cell.

        A cell outside the map gets the row of the nearest cell. The arguments broadcast.
        """
        inside = (columns >= 0) & (columns < self.width) & (rows >= 0) & (rows < self.height)
        columns, rows = columns.clamp(0, self.width - 1), rows.clamp(0, self.height - 1)
        return (batch_inds * self.height + rows) * self.width + columns, inside


def by_level(function: Callable[[int, Tensor], Tensor], levels: Tensor, num_levels: int) -> Tensor:
    """Apply a function to the members of each level that occurs.

    Args:
        function: (level, indices (n,) of its members in ``levels``) -> (n, ...).
        levels (N,): level of each member. If there are none, the coarsest level is taken, so
            that the function's weights always get a gradient.

    Returns:
        The results (N, ...), in the order of ``levels``.
    """
    if torch.compiler.is_exporting():  # no loop can depend on what is in a tensor
        everyone = torch.arange(len(levels), device=levels.device)
        results = torch.stack([function(level, everyone) for level in range(num_levels)])
        return results[levels, everyone]
    occurring = levels.unique().tolist() or [num_levels - 1]
    members = [(levels == level).nonzero()[:, 0] for level in occurring]
    results = [function(*pair) for pair in zip(occurring, members, strict=True)]
    return torch.cat(results)[torch.cat(members).argsort()]


def neighbourhoods(feats: Sequence[Tensor], where: Locations) -> Tensor:
    """What a 3x3 convolution with padding 1 sees at N locations: (N, 9, C), row by row.

    Args:
        feats: maps (B, C, H_l, W_l) of all levels; those without a location are not touched.
        where: the locations.
    """
    around = torch.tensor([-1, 0, 1], device=where.cells.device)

    def read(level: int, chosen: Tensor) -> Tensor:
        cells, centres = CellRows.of(feats[level]), where.cells[chosen]
        columns = (centres[:, :1] + around)[:, None, :].expand(-1, 3, 3)
        rows = (centres[:, 1:] + around)[:, :, None].expand(-1, 3, 3)
        inds, inside = cells.row_of(where.batch_inds[chosen, None, None], columns, rows)
        return (F.embedding(inds, cells.table) * inside[..., None]).flatten(1, 2)

    return by_level(read, where.levels, len(feats))


def map_sizes(maps: Sequence[Tensor]) -> list[tuple[int, int]]:
    """(H, W) of each map."""
    return [tuple(x.shape[-2:]) for x in maps]


def flatten_levels(maps: Sequence[Tensor]) -> Tensor:
    """Maps (B, D, H_l, W_l) -> (B, P, D), finest level first, row by row, float32."""
    return torch.cat([x.flatten(2) for x in maps], 2).transpose(1, 2).float()
