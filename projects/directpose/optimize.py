"""The fast form of a detector."""

import torch
from mmcv.cnn import fuse_conv_bn
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmpose.registry import HOOKS
from torch import nn

from .models import DirectPoseHead
from .models.directpose.tower import GroupwiseTower


def optimize_for_inference(model: nn.Module) -> None:
    """Make a detector faster, in place; its numbers stay the same up to rounding.

    Batch normalisation becomes a part of the convolution before it; feature maps lie in memory with
    their channels last, as convolutions on CPUs and half-precision ones on GPUs want them; on a
    CPU the keypoint tower of :class:`DirectPoseHead` is computed group by group. The model cannot
    be trained afterwards.
    """
    model.eval()
    fuse_conv_bn(model)
    on_cpu = next(model.parameters()).device.type == 'cpu'
    for module in list(model.modules()):
        if on_cpu and isinstance(module, DirectPoseHead):
            module.kpt_tower = GroupwiseTower(module.kpt_tower, module.kpt_predictor.num_groups)
    model.to(memory_format=torch.channels_last)


@HOOKS.register_module()
class OptimizeForInferenceHook(Hook):
    """Test the model in its fast form. The validation during a training leaves it as it is."""

    def before_test(self, runner) -> None:
        """Call :func:`optimize_for_inference`; the weights are loaded by then."""
        model = runner.model
        optimize_for_inference(model.module if is_model_wrapper(model) else model)
