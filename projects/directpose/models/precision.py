"""What is computed in float32 under mixed precision: wherever pixels are counted."""

import torch
from torch import Tensor


def at_least_float32(values: Tensor) -> Tensor:
    """The values in float32 if they have less: half precision cannot tell where a keypoint is."""
    return values.to(torch.promote_types(values.dtype, torch.float32))


def float32_products(values: Tensor) -> torch.autocast:
    """Context in which autocast leaves products on the device of the values as they are."""
    return torch.autocast(values.device.type, enabled=False)
