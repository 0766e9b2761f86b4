from .transforms import IgnoreCrowds, PseudoBoxes, RandomScaleCrop, ResizeKeepRatio

__all__ = ['IgnoreCrowds', 'PseudoBoxes', 'RandomScaleCrop', 'ResizeKeepRatio']
