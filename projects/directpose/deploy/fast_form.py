"""The fast form of a detector."""

import torch
from mmcv.cnn import fuse_conv_bn
from mmcv.ops import RoIAlign
from torch import nn

from ..models import DirectPoseHead
from ..models.directpose.tower import GroupwiseLayers
from ..utils.errors import InputError

# Autocast computes them in half precision.
HALF_MODULES = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)


def optimize_for_inference(model: nn.Module, amp: bool = False) -> None:
    """Make a detector faster, in place; its numbers stay the same up to rounding.

    Batch normalisation becomes a part of the convolution before it. On a CPU, feature maps lie in
    memory with their channels last, and the keypoint tower of :class:`DirectPoseHead` is computed
    group by group. The model cannot be trained afterwards; an exponential moving average of its
    weights has to be taken over before.

    Args:
        model: on the device where it is to run.
        amp: compute in half precision where autocast does, in bfloat16 on a CPU and in float16 on a
            GPU. Coordinates stay float32.

    Raises:
        InputError: ``amp`` on a CPU that has no instructions for it.
    """
    model.eval()
    fuse_conv_bn(model)
    if next(model.parameters()).device.type == 'cpu':
        arrange_for_cpu(model)
    if amp:
        use_half_precision(model)


def use_half_precision(model: nn.Module) -> None:
    """Convert the weights of a detector and let its forward pass run under autocast, in place.

    Raises:
        InputError: it is on a CPU that has no instructions for bfloat16.
    """
    device = next(model.parameters()).device.type
    if device == 'cpu':
        check_bfloat16()
    dtype = torch.bfloat16 if device == 'cpu' else torch.float16
    predictors = [m for m in model.modules() if hasattr(m, 'float32_parts')]
    exact = [getattr(m, name) for m in predictors for name in m.float32_parts]
    kept = {id(module) for part in exact for module in part.modules()}
    for module in model.modules():
        if isinstance(module, HALF_MODULES) and id(module) not in kept:
            module.to(dtype)
    model.forward = torch.autocast(device, dtype)(model.forward)


def check_bfloat16() -> None:
    """Check that the processor computes in bfloat16.

    Raises:
        InputError: it does not, as far as PyTorch knows.
    """
    if not any(there for name, there in torch.cpu.get_capabilities().items() if 'bf16' in name):
        raise InputError(
            'half precision needs a processor with instructions for bfloat16 (AVX-512 BF16, AMX, '
            'or Arm BF16), and would be slower on this one; leave --amp out'
        )


def arrange_for_cpu(model: nn.Module) -> None:
    """Order of computation and of memory that suits a CPU, in place."""
    for head in [m for m in model.modules() if isinstance(m, DirectPoseHead)]:
        separate_groups(head)
    # mmcv's operator reads maps with channels last wrongly and says nothing.
    for layer in [m for m in model.modules() if isinstance(m, RoIAlign)]:
        layer.register_forward_pre_hook(lambda _, inputs: (inputs[0].contiguous(), *inputs[1:]))
    model.to(memory_format=torch.channels_last)


def separate_groups(head: DirectPoseHead) -> None:
    """Compute the keypoint tower and the sampler group by group, if their groups are separate."""
    tower, predictor = head.kpt_tower, head.kpt_predictor
    num_groups = predictor.feature_groups
    # Groups of the normalisation have four channels: a group of fewer shares one with another.
    if num_groups == 1 or isinstance(tower, GroupwiseLayers) or predictor.group_channels % 4:
        return
    head.kpt_tower = GroupwiseLayers(tower, num_groups)
    predictor.sampler = GroupwiseLayers([predictor.sampler], num_groups)
