from .anchors import TorchvisionAnchorGenerator
from .detector import KeypointRCNN
from .float32 import Float32RoIExtractor, Float32RPNHead, ZeroPaddedRoIExtractor
from .global_context import GlobalContextModule
from .keypoint_head import ContextKeypointHead, KeypointHead
from .roi_head import KeypointRoIHead

__all__ = [
    'ContextKeypointHead',
    'Float32RPNHead',
    'Float32RoIExtractor',
    'GlobalContextModule',
    'KeypointHead',
    'KeypointRCNN',
    'KeypointRoIHead',
    'TorchvisionAnchorGenerator',
    'ZeroPaddedRoIExtractor',
]
