from .transforms import (
    IgnoreCrowds,
    PseudoBoxes,
    RandomScaleCrop,
    ResizeKeepRatio,
    ResizePixelAreas,
)

__all__ = [
    'IgnoreCrowds',
    'PseudoBoxes',
    'RandomScaleCrop',
    'ResizeKeepRatio',
    'ResizePixelAreas',
]
