"""The fast form of a detector."""

import torch
from mmcv.cnn import fuse_conv_bn
from mmcv.ops import RoIAlign
from torch import nn

from ..models import DirectPoseHead
from ..models.directpose.tower import Tower, split_groups


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
        if isinstance(head.kpt_tower, Tower):
            head.kpt_tower = split_groups(head.kpt_tower, head.kpt_predictor.feature_groups)
    # mmcv's operator reads maps with channels last wrongly and says nothing.
    for layer in [m for m in model.modules() if isinstance(m, RoIAlign)]:
        layer.register_forward_pre_hook(lambda _, inputs: (inputs[0].contiguous(), *inputs[1:]))
    model.to(memory_format=torch.channels_last)
