"""The place of :mod:`directpose.deploy.fast_form` before version 0.2."""

import warnings

from .deploy.fast_form import optimize_for_inference

__all__ = ['optimize_for_inference']

warnings.warn(
    'directpose.optimize is now directpose.deploy.fast_form; the old path goes in version 0.3',
    DeprecationWarning,
    stacklevel=2,
)
