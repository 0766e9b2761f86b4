"""Torchvision's anchors."""

import torch
from mmdet.models.task_modules.prior_generators import AnchorGenerator
from mmdet.registry import TASK_UTILS
from torch import Tensor


@TASK_UTILS.register_module()
class TorchvisionAnchorGenerator(AnchorGenerator):
    """mmdet's anchors for torchvision's weights.

    There the corners are whole pixels from a location, and the stride of a level is the side of
    the input divided by that of the map, rounded down: less than the nominal one where a map had
    to be rounded up.
    """

    def gen_single_level_base_anchors(self, *args, **kwargs) -> Tensor:
        """Anchors (A, 4) xyxy of a location."""
        return super().gen_single_level_base_anchors(*args, **kwargs).round()

    def grid_priors(
        self,
        featmap_sizes: list[tuple[int, int]],
        dtype: torch.dtype = torch.float32,
        device: str | torch.device = 'cuda',
    ) -> list[Tensor]:
        """Anchors (H_l * W_l * A, 4) xyxy of each level, row by row, in pixels.

        Args:
            featmap_sizes: (H_l, W_l) of each level; the finest divides the input evenly.
            dtype, device: of the anchors.
        """
        (width, height), (rows, columns) = self.strides[0], featmap_sizes[0]
        anchors = []
        for (h, w), base in zip(featmap_sizes, self.base_anchors, strict=True):
            xs = torch.arange(w, device=device, dtype=dtype) * (columns * width // w)
            ys = torch.arange(h, device=device, dtype=dtype) * (rows * height // h)
            y, x = torch.meshgrid(ys, xs, indexing='ij')
            corners = torch.stack((x, y, x, y), -1).view(-1, 1, 4)
            anchors.append((corners + base.to(device, dtype)).view(-1, 4))
        return anchors
