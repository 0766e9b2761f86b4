"""The detectors and their parts, registered in mmpose's and mmdet's ``MODELS``."""

from .blur_resnet import BlurResNet
from .directpose import (
    DirectPose,
    DirectPoseHead,
    KeypointConv,
    KeypointHeatmapHead,
    KPAlign,
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
    'GlobalContextModule',
    'KPAlign',
    'KeypointConv',
    'KeypointHead',
    'KeypointHeatmapHead',
    'KeypointRCNN',
    'KeypointRoIHead',
    'PoseTTAModel',
    'SharedKPAlign',
    'SigmoidFocalLoss',
    'TorchvisionAnchorGenerator',
    'ZeroPaddedRoIExtractor',
]
