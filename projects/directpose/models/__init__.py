"""The detectors and their parts, registered in mmpose's and mmdet's ``MODELS``."""

from .blur_resnet import BlurResNet
from .directpose import (
    DirectPose,
    DirectPoseHead,
    FoundKeypoints,
    KeypointConv,
    KeypointHeatmapHead,
    KPAlign,
    LabelledKeypoints,
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
    'ContextKeypointHead',
    'DirectPose',
    'DirectPoseHead',
    'Float32RPNHead',
    'Float32RoIExtractor',
    'FoundKeypoints',
    'GlobalContextModule',
    'KPAlign',
    'KeypointConv',
    'KeypointHead',
    'KeypointHeatmapHead',
    'KeypointRCNN',
    'KeypointRoIHead',
    'LabelledKeypoints',
    'PoseTTAModel',
    'SharedKPAlign',
    'SigmoidFocalLoss',
    'TorchvisionAnchorGenerator',
    'ZeroPaddedRoIExtractor',
]
