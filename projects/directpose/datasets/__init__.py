from .transforms import (
    IgnoreCrowds,
    MultiScaleFlip,
    PseudoBoxes,
    RandomScaleCrop,
    RemoveCrowds,
    ResizeKeepRatio,
    ResizePixelAreas,
)

__all__ = [
    'IgnoreCrowds',
    'MultiScaleFlip',
    'PseudoBoxes',
    'RandomScaleCrop',
    'RemoveCrowds',
    'ResizeKeepRatio',
    'ResizePixelAreas',
]
