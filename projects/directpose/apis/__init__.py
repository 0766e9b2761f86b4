"""Inference with trained models: detection, drawing, videos."""

from .inference import detect, init_model, load_model, read_image
from .visualization import build_visualizer, coco_annotations, draw

__all__ = [
    'build_visualizer',
    'coco_annotations',
    'detect',
    'draw',
    'init_model',
    'load_model',
    'read_image',
]
