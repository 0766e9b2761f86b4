"""Locations of a feature pyramid, and its cells as rows of a table."""

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
    """The cells of some levels as the rows of one table.

    Attributes:
        table (R, C): one row for each cell: image by image, level by level, row by row.
        sizes (L, 2): (width, height) of each level, 0 for those not in the table.
        starts (L,): first row of each level, in the first image.
        rows_per_image: R / B.
    """

    table: Tensor
    sizes: Tensor
    starts: Tensor
    rows_per_image: int

    @classmethod
    def of(cls, maps: dict[int, Tensor], num_levels: int) -> 'CellRows':
        """From the maps (B, C, H_l, W_l) of some of ``num_levels`` levels."""
        sizes = [tuple(maps[i].shape[:1:-1]) if i in maps else (0, 0) for i in range(num_levels)]
        counts = [w * h for w, h in sizes]
        starts = [sum(counts[:level]) for level in range(num_levels)]
        rows = [maps[i].permute(0, 2, 3, 1).flatten(1, 2) for i in sorted(maps)]
        table = torch.cat(rows, 1).flatten(0, 1)
        device = table.device
        return cls(
            table,
            torch.tensor(sizes, device=device),
            torch.tensor(starts, device=device),
            sum(counts),
        )

    def row_of(
        self, batch_inds: Tensor, levels: Tensor, columns: Tensor, rows: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Row of the table of each cell, and whether there is such a cell.

        A cell outside its map gets the row of the nearest cell. The arguments broadcast.
        """
        widths, heights = self.sizes[levels].unbind(-1)
        inside = (columns >= 0) & (columns < widths) & (rows >= 0) & (rows < heights)
        columns = torch.minimum(columns, widths - 1).clamp(min=0)
        rows = torch.minimum(rows, heights - 1).clamp(min=0)
        local = self.starts[levels] + rows * widths + columns
        return batch_inds * self.rows_per_image + local, inside

    def neighbourhoods(self, where: Locations) -> Tensor:
        """What a 3x3 convolution with padding 1 sees at N locations: (N, 9, C), row by row."""
        around = torch.tensor([-1, 0, 1], device=self.table.device)
        columns = (where.cells[:, :1] + around)[:, None, :].expand(-1, 3, 3)
        rows = (where.cells[:, 1:] + around)[:, :, None].expand(-1, 3, 3)
        inds, inside = self.row_of(
            where.batch_inds[:, None, None], where.levels[:, None, None], columns, rows
        )
        seen = F.embedding(inds, self.table) * inside[..., None]
        return seen.flatten(1, 2)


def maps_of_levels(maps: Sequence[Tensor], levels: Tensor) -> dict[int, Tensor]:
    """The maps of those levels that occur in ``levels``; the coarsest if there are none.

    One map at least, so that a batch without a location still reaches every weight.
    """
    wanted = levels.unique().tolist() or [len(maps) - 1]
    return {level: maps[level] for level in wanted}
