"""Optimiser wrapper for bfloat16."""

import contextlib
from collections.abc import Iterator

import torch
from mmengine.optim import OptimWrapper
from mmpose.registry import OPTIM_WRAPPERS
from torch import nn


@OPTIM_WRAPPERS.register_module()
class BFloat16OptimWrapper(OptimWrapper):
    """Optimisation of losses computed in bfloat16 where torch's autocast allows, on any device.

    Its exponents are those of float32, so that no loss has to be scaled; mmengine's
    ``AmpOptimWrapper`` scales it, and needs a GPU.
    """

    @contextlib.contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Context of the forward pass of a training step."""
        device = next(model.parameters()).device.type
        with super().optim_context(model), torch.autocast(device, torch.bfloat16):
            yield
