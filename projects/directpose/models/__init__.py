from .blur_resnet import BlurResNet
from .directpose import *  # noqa: F403
from .keypoint_rcnn import *  # noqa: F403
from .tta import PoseTTAModel

__all__ = ['BlurResNet', 'PoseTTAModel']
