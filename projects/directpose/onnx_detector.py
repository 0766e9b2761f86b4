"""The place of :mod:`directpose.deploy.onnx_detector` before version 0.2."""

import warnings

from .deploy.onnx_detector import OnnxDetector

__all__ = ['OnnxDetector']

warnings.warn(
    'directpose.onnx_detector is now directpose.deploy.onnx_detector; '
    'the old path goes in version 0.3',
    DeprecationWarning,
    stacklevel=2,
)
