from .coco import CocoKeypointDataset
from .codec import InstanceLabelCodec
from .transforms import (
    IgnoreCrowds,
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
    'MultiScaleFlip',
    'PseudoBoxes',
    'PseudoBoxesOfLabelled',
    'RandomScaleCrop',
    'RemoveCrowds',
    'ResizeKeepRatio',
    'ResizePixelAreas',
    'ResizeTorchvision',
]
