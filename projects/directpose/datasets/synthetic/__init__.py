"""Rendered people with known keypoints."""

from .scenes import make_synthetic_set

__all__ = ['make_synthetic_set']
