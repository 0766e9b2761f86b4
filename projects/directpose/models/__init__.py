"""The detectors and their parts, registered in mmpose's and mmdet's ``MODELS``."""

from .blur_resnet import BlurResNet
from .directpose import (
    CenterAssigner,
    DirectPose,
    DirectPoseHead,
    DirectPoseV2Head,
    FoundKeypoints,
    IteratedKPAlign,
    KeypointConv,
    KeypointHeatmapHead,
    KPAlign,
    LabelledKeypoints,
    OKSAssigner,
    OKSLoss,
    SharedKPAlign,
)
from .keypoint_rcnn import (
    ContextKeypointHead,
    Float32RoIExtractor,
    Float32RPNHead,
    GlobalContextModule,
    KeypointHead,
    KeypointRCNN,
    KeypointRoIHead,
    TorchvisionAnchorGenerator,
    ZeroPaddedRoIExtractor,
)
from .losses import SigmoidFocalLoss
from .tta import PoseTTAModel

__all__ = [
    'BlurResNet',
    'CenterAssigner',
    'ContextKeypointHead',
    'DirectPose',
    'DirectPoseHead',
    'DirectPoseV2Head',
    'Float32RPNHead',
    'Float32RoIExtractor',
    'FoundKeypoints',
    'GlobalContextModule',
    'IteratedKPAlign',
    'KPAlign',
    'KeypointConv',
    'KeypointHead',
    'KeypointHeatmapHead',
    'KeypointRCNN',
    'KeypointRoIHead',
    'LabelledKeypoints',
    'OKSAssigner',
    'OKSLoss',
    'PoseTTAModel',
    'SharedKPAlign',
    'SigmoidFocalLoss',
    'TorchvisionAnchorGenerator',
    'ZeroPaddedRoIExtractor',
]
