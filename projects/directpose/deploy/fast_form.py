"""The fast form of a detector."""

import torch
from mmcv.cnn import fuse_conv_bn
from mmcv.ops import RoIAlign
from torch import nn

from ..models import DirectPoseHead
from ..models.directpose.tower import GroupwiseLayers


def optimize_for_inference(model: nn.Module) -> None:
    """Make a detector faster, in place; its numbers stay the same up to rounding.

    Batch normalisation becomes a part of the convolution before it. On a CPU, feature maps lie in
    memory with their channels last, and the keypoint tower of :class:`DirectPoseHead` is computed
    group by group. The model cannot be trained afterwards; an exponential moving average of its
    weights has to be taken over before.
    """
    model.eval()
    fuse_conv_bn(model)
    if next(model.parameters()).device.type != 'cpu':
        return
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
