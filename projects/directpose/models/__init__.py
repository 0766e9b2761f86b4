from .blur_resnet import BlurResNet
from .directpose import *  # noqa: F403

__all__ = ['BlurResNet']
