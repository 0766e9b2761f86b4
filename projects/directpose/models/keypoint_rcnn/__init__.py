from .anchors import TorchvisionAnchorGenerator
from .detector import KeypointRCNN
from .global_context import GlobalContextModule
from .keypoint_head import ContextKeypointHead, KeypointHead
from .roi_head import KeypointRoIHead, ZeroPaddedRoIExtractor

__all__ = [
    'ContextKeypointHead',
    'GlobalContextModule',
    'KeypointHead',
    'KeypointRCNN',
    'KeypointRoIHead',
    'TorchvisionAnchorGenerator',
    'ZeroPaddedRoIExtractor',
]
