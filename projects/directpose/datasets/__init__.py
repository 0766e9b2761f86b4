from .transforms import (
    IgnoreCrowds,
    MultiScaleFlip,
    PseudoBoxes,
    RandomScaleCrop,
    ResizeKeepRatio,
    ResizePixelAreas,
)

__all__ = [
    'IgnoreCrowds',
    'MultiScaleFlip',
    'PseudoBoxes',
    'RandomScaleCrop',
    'ResizeKeepRatio',
    'ResizePixelAreas',
]
