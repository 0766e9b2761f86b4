"""The fast form of a detector."""

import torch
from mmcv.cnn import fuse_conv_bn
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmpose.registry import HOOKS
from torch import nn


def optimize_for_inference(model: nn.Module) -> None:
    """Make a detector faster, in place; its numbers stay the same up to rounding.

    Batch normalisation becomes a part of the convolution before it, and feature maps lie in memory
    with their channels last, as convolutions on CPUs and half-precision ones on GPUs want them.
    The model cannot be trained afterwards.
    """
    model.eval()
    fuse_conv_bn(model)
    model.to(memory_format=torch.channels_last)


@HOOKS.register_module()
class OptimizeForInferenceHook(Hook):
    """Test the model in its fast form. The validation during a training leaves it as it is."""

    def before_test(self, runner) -> None:
        """Call :func:`optimize_for_inference`; the weights are loaded by then."""
        model = runner.model
        optimize_for_inference(model.module if is_model_wrapper(model) else model)
