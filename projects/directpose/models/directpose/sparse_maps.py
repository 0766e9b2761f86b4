"""Reading a feature pyramid at some locations only.

Legend of dimensions:
    B images, L levels, P cells of all levels of an image: finest level first, row by row,
    N locations.

Nothing here depends on the values of a tensor, so that a GPU never waits for the host and the same
code can be exported. The price is a copy of all maps into one table.
"""

from collections.abc import Sequence
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


class PyramidShape(NamedTuple):
    """Sizes of the maps of a pyramid, and where each begins among the P cells.

    Attributes:
        widths (L,), heights (L,), starts (L,): int64.
    """

    widths: Tensor
    heights: Tensor
    starts: Tensor

    @classmethod
    def of(cls, maps: Sequence[Tensor]) -> 'PyramidShape':
        """From maps (B, C, H_l, W_l), finest first."""

        def vector(numbers) -> Tensor:  # filled on the device, not copied to it
            numbers = [maps[0].new_full((), number, dtype=torch.long) for number in numbers]
            return torch.stack(numbers)

        heights, widths = (vector(x.shape[dim] for x in maps) for dim in (2, 3))
        counts = heights * widths
        return cls(widths, heights, counts.cumsum(0) - counts)

    def locations(self, batch_inds: Tensor, point_inds: Tensor) -> Locations:
        """Locations of cells (N,) among the P of their images (N,)."""
        levels = (point_inds[:, None] >= self.starts[1:]).sum(1)
        local, widths = point_inds - self.starts[levels], self.widths[levels]
        rows = local // widths
        return Locations(batch_inds, levels, torch.stack((local - rows * widths, rows), -1))

    def point_inds(self, locations: Locations) -> Tensor:
        """Indices (N,) of locations among the P cells of their images; undoes ``locations``."""
        levels, (columns, rows) = locations.levels, locations.cells.unbind(-1)
        return self.starts[levels] + rows * self.widths[levels] + columns

    def grid_index(
        self, levels: Tensor, columns: Tensor, rows: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Indices among the P cells of small grids, each of m columns and n rows.

        Args:
            levels (...): of each grid.
            columns (m, ...), rows (n, ...): of its cells, perhaps outside the map.

        Returns:
            inds (n, m, ...), of the nearest cell for one outside; bool (m, ...) and (n, ...),
            which columns and which rows the map has.
        """
        widths, heights = self.widths[levels], self.heights[levels]
        has_columns = (columns >= 0) & (columns < widths)
        has_rows = (rows >= 0) & (rows < heights)
        columns = columns.minimum(widths - 1).clamp(min=0)
        rows = rows.minimum(heights - 1).clamp(min=0)
        return (self.starts[levels] + rows * widths)[:, None] + columns, has_columns, has_rows


def flatten_levels(maps: Sequence[Tensor]) -> Tensor:
    """Maps (B, C, H_l, W_l) -> the table of their cells (B, P, C)."""
    return torch.cat([x.permute(0, 2, 3, 1).flatten(1, 2) for x in maps], 1)


class FeatureTable(NamedTuple):
    """All cells of a pyramid of maps, to be read at some locations.

    Attributes:
        cells (B, P, C)
        shape: of the pyramid.
    """

    cells: Tensor
    shape: PyramidShape

    @classmethod
    def of(cls, maps: Sequence[Tensor]) -> 'FeatureTable':
        """From maps (B, C, H_l, W_l), finest first."""
        return cls(flatten_levels(maps), PyramidShape.of(maps))


def gather_3x3(table: FeatureTable, locations: Locations) -> Tensor:
    """What a 3x3 convolution with padding 1 sees at N locations: (9, N, C), row by row."""
    cells, shape = table
    around = torch.arange(-1, 2, device=cells.device)[:, None]
    columns, rows = (x + around for x in locations.cells.unbind(-1))  # (3, N)
    inds, has_columns, has_rows = shape.grid_index(locations.levels, columns, rows)
    inds = locations.batch_inds * cells.shape[1] + inds  # (3, 3, N)
    inside = has_rows[:, None] & has_columns
    return (F.embedding(inds, cells.flatten(0, 1)) * inside[..., None]).flatten(0, 1)
