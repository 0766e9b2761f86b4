from .transforms import (
    IgnoreCrowds,
    MultiScaleFlip,
    PseudoBoxes,
    RandomScaleCrop,
    RemoveCrowds,
    ResizeKeepRatio,
    ResizePixelAreas,
    ResizeTorchvision,
)

__all__ = [
    'IgnoreCrowds',
    'MultiScaleFlip',
    'PseudoBoxes',
    'RandomScaleCrop',
    'RemoveCrowds',
    'ResizeKeepRatio',
    'ResizePixelAreas',
    'ResizeTorchvision',
]
