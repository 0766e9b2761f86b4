from .coco import CocoKeypointDataset
from .codec import InstanceLabelCodec
from .transforms import (
    IgnoreCrowds,
    LoadImageFile,
    MultiScaleFlip,
    PseudoBoxes,
    PseudoBoxesOfLabelled,
    RandomScaleCrop,
    RemoveCrowds,
    ResizeKeepRatio,
    ResizePixelAreas,
    ResizeTorchvision,
)

__all__ = [
    'CocoKeypointDataset',
    'IgnoreCrowds',
    'InstanceLabelCodec',
    'LoadImageFile',
    'MultiScaleFlip',
    'PseudoBoxes',
    'PseudoBoxesOfLabelled',
    'RandomScaleCrop',
    'RemoveCrowds',
    'ResizeKeepRatio',
    'ResizePixelAreas',
    'ResizeTorchvision',
]
