"""Converting weights of other programs.

The rules know names only: they hold for any channel width and number of keypoint groups. A name
that no rule knows stays as it is, and is found out by comparing with the model.
"""

import re
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

Rules = Sequence[tuple[str, str | Callable]]


def tower_place(match: re.Match) -> str:
    """The place in a :class:`Tower` of a place in GluonCV's flat sequence: convolution,
    normalisation, ReLU, convolution, and so on."""
    layer, part = divmod(int(match[1]), 3)
    return f'tower.{layer}.{("conv", "gn")[part]}.' if part < 2 else match[0]


# Blocks of the backbone that begin with a blur: it stands first in a sequence of two or three.
_BLURRED = r'^(backbone\.layer[234]\.0\.'
GLUONCV_RULES: Rules = [
    (r'^(proposal_generator\.)?directpose_head\.', 'bbox_head.'),
    (r'^bbox_head\.hm_pred\.', 'heatmap_head.predictor.'),
    (r'^bbox_head\.hm_tower\.', 'heatmap_head.tower.'),
    (r'\.cls_logits\.', '.conv_cls.'),
    (r'\.ctrness\.', '.conv_centerness.'),
    (r'^bbox_head\.locator\.', 'bbox_head.kpt_predictor.locator.'),
    (r'^bbox_head\.sampler\.0\.', 'bbox_head.kpt_predictor.sampler.conv.'),
    (r'^bbox_head\.sampler\.1\.', 'bbox_head.kpt_predictor.sampler.gn.'),
    (
        r'^bbox_head\.predictor\.(\d+)\.kpt_predictor\.',
        r'bbox_head.kpt_predictor.predictors.\1.',
    ),
    (r'tower\.(\d+)\.', tower_place),
    (r'^backbone\.fpn_lateral([345])\.', lambda m: f'neck.lateral_convs.{int(m[1]) - 3}.conv.'),
    (r'^backbone\.fpn_output([345])\.', lambda m: f'neck.fpn_convs.{int(m[1]) - 3}.conv.'),
    (r'^backbone\.top_block\.p([67])\.', lambda m: f'neck.fpn_convs.{int(m[1]) - 3}.conv.'),
    (r'^backbone\.bottom_up\.', 'backbone.'),
    (_BLURRED + r'conv3)\.1\.', r'\1.'),
    (_BLURRED + r'downsample)\.([12])\.', lambda m: f'{m[1]}.{int(m[2]) - 1}.'),
]
# Constants: the pixel statistics are in our config, the filter of the blur in our code.
GLUONCV_CONSTANTS = r'^pixel_(mean|std)$|\.filt$'

FCOS_RULES: Rules = [
    (r'^bbox_head\.cls_convs\.', 'bbox_head.cls_tower.'),
    (r'^bbox_head\.reg_convs\.', 'bbox_head.bbox_tower.'),
    (r'^bbox_head\.conv_reg\.', 'bbox_head.conv_bbox.'),
]
FCOS_OTHER = r'^bbox_head\.scales\.|^data_preprocessor\.'
FCOS_PERSON = 0  # the first class of COCO

DETECTRON2_RULES: Rules = [
    (r'^backbone\.fpn_lateral([2-5])\.', lambda m: f'neck.lateral_convs.{int(m[1]) - 2}.conv.'),
    (r'^backbone\.fpn_output([2-5])\.', lambda m: f'neck.fpn_convs.{int(m[1]) - 2}.conv.'),
    (r'^backbone\.bottom_up\.(stem\.)?', 'backbone.'),
    (r'^backbone\.res([2-5])\.', lambda m: f'backbone.layer{int(m[1]) - 1}.'),
    (r'\.conv([123])\.norm\.', r'.bn\1.'),
    (r'\.shortcut\.norm\.', '.downsample.1.'),
    (r'\.shortcut\.', '.downsample.0.'),
    (r'^proposal_generator\.rpn_head\.conv\.', 'rpn_head.rpn_conv.'),
    (r'^proposal_generator\.rpn_head\.objectness_logits\.', 'rpn_head.rpn_cls.'),
    (r'^proposal_generator\.rpn_head\.anchor_deltas\.', 'rpn_head.rpn_reg.'),
    (
        r'^roi_heads\.box_head\.fc([12])\.',
        lambda m: f'roi_head.bbox_head.shared_fcs.{int(m[1]) - 1}.',
    ),
    (r'^roi_heads\.box_predictor\.cls_score\.', 'roi_head.bbox_head.fc_cls.'),
    (r'^roi_heads\.box_predictor\.bbox_pred\.', 'roi_head.bbox_head.fc_reg.'),
    (r'^roi_heads\.keypoint_head\.', 'roi_head.keypoint_head.'),
    (r'^(roi_head\.keypoint_head\.)conv_channel\.', r'\1entry.conv.'),
    (
        r'^(roi_head\.keypoint_head\.)conv_fcn(\d)\.',
        lambda m: f'{m[1]}convs.{int(m[2]) - 1}.conv.',
    ),
    (r'^(roi_head\.keypoint_head\.)score_lowres\.', r'\1deconv.'),
    # «MHSA_5» stands before the fifth convolution.
    (
        r'^(roi_head\.keypoint_head\.)MHSA_(\d)\.',
        lambda m: f'{m[1]}contexts.{int(m[2]) // 4}.',
    ),
    (r'\.MHSA\.(pos_emb\.)?', '.attention.'),
    (r'\.conv_fc\.', '.conv.'),
]
# Constants: the pixel statistics and the anchors are in our config.
DETECTRON2_CONSTANTS = r'^pixel_(mean|std)$|\.anchor_generator\.'

# In weights published before torchvision 0.13, layers of the FPN and the RPN lack the «.0».
TORCHVISION_RULES: Rules = [
    (r'^backbone\.body\.', 'backbone.'),
    (r'^backbone\.fpn\.inner_blocks\.(\d)\.(0\.)?', r'neck.lateral_convs.\1.conv.'),
    (r'^backbone\.fpn\.layer_blocks\.(\d)\.(0\.)?', r'neck.fpn_convs.\1.conv.'),
    (r'^rpn\.head\.conv\.(0\.0\.)?', 'rpn_head.rpn_conv.'),
    (r'^rpn\.head\.cls_logits\.', 'rpn_head.rpn_cls.'),
    (r'^rpn\.head\.bbox_pred\.', 'rpn_head.rpn_reg.'),
    (
        r'^roi_heads\.box_head\.fc([67])\.',
        lambda m: f'roi_head.bbox_head.shared_fcs.{int(m[1]) - 6}.',
    ),
    (r'^roi_heads\.box_predictor\.cls_score\.', 'roi_head.bbox_head.fc_cls.'),
    (r'^roi_heads\.box_predictor\.bbox_pred\.', 'roi_head.bbox_head.fc_reg.'),
    (
        r'^roi_heads\.keypoint_head\.(\d+)\.',
        lambda m: f'roi_head.keypoint_head.convs.{int(m[1]) // 2}.conv.',
    ),
    (r'^roi_heads\.keypoint_predictor\.kps_score_lowres\.', 'roi_head.keypoint_head.deconv.'),
]


def rename(name: str, rules: Rules) -> str:
    """The name after each of the rules that fits, in their order."""
    for pattern, replacement in rules:
        name = re.sub(pattern, replacement, name)
    return name


def from_gluoncv(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights of :class:`DirectPose` from those of GluonCV's, of a whole model or of its head."""
    converted = {
        rename(name, GLUONCV_RULES): weight
        for name, weight in weights.items()
        if not re.search(GLUONCV_CONSTANTS, name)
    }
    for name, weight in converted.items():
        if re.search(r'\.predictors\.\d+\.weight$', name):
            converted[name] = weight.flatten(1)  # a 1x1 convolution there, a linear map here
    return converted


def from_fcos(
    weights: Mapping[str, Tensor], with_centerness: bool, with_distances: bool
) -> dict[str, Tensor]:
    """Weights of the parts that :class:`DirectPose` shares with mmdet's FCOS.

    Args:
        weights: of an FCOS for one class or for COCO's 80, of which the person is kept.
        with_centerness: take its centerness, which must read the cls tower in both models.
        with_distances: take the last layer of its boxes, which must predict distances in strides
            (``norm_on_bbox``), not logarithms of pixels. Its scale of each level, for which there
            is no place here, becomes the mean of all.
    """
    scales = [w for name, w in weights.items() if re.match(r'bbox_head\.scales\.', name)]
    unwanted = [FCOS_OTHER]
    unwanted += [r'\.conv_centerness\.'] * (not with_centerness)
    unwanted += [r'\.conv_bbox\.'] * (not with_distances)
    converted = {}
    for theirs, weight in weights.items():
        name = rename(theirs, FCOS_RULES)
        if re.search('|'.join(unwanted), name):
            continue
        if '.conv_bbox.' in name and scales:
            weight = weight * torch.stack(scales).mean()
        if name.startswith('bbox_head.conv_cls.'):
            weight = weight[FCOS_PERSON : FCOS_PERSON + 1]
        converted[name] = weight
        # mmdet leaves the bias of a convolution before a normalisation out.
        if re.search(r'tower\.\d+\.conv\.weight$', name):
            bias = name.removesuffix('weight') + 'bias'
            converted.setdefault(bias, torch.zeros(len(weight)))
    return converted


def from_detectron2(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights of :class:`KeypointRCNN` from those of a Keypoint R-CNN of detectron2, plain or with
    the refinement of Li et al. (2023)."""
    return {
        rename(name, DETECTRON2_RULES): weight
        for name, weight in weights.items()
        if not re.search(DETECTRON2_CONSTANTS, name)
    }


def from_torchvision(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights of :class:`KeypointRCNN` from those of torchvision's ``keypointrcnn_resnet50_fpn``.

    There the background is the first class, here the last; and it has boxes there.
    """
    converted = {rename(name, TORCHVISION_RULES): weight for name, weight in weights.items()}
    for name, weight in converted.items():
        if name.startswith('roi_head.bbox_head.fc_cls.'):
            converted[name] = weight.roll(-1, 0)
        elif name.startswith('roi_head.bbox_head.fc_reg.'):
            converted[name] = weight[4:]
    return converted
