"""DirectPose for MMPose and MMDetection; importing it registers all that it brings."""

from .dependencies import check_dependencies
from .quiet import ignore_warnings

ignore_warnings()
check_dependencies()

from . import datasets, evaluation, hooks, models, optim, optimize, visualization  # noqa: E402
from .checkpoint import allow_mmengine_checkpoints, refuse_code  # noqa: E402
from .configs import config_path, override_by_type  # noqa: E402
from .version import __version__  # noqa: E402

allow_mmengine_checkpoints()
refuse_code()

__all__ = [
    '__version__',
    'config_path',
    'datasets',
    'evaluation',
    'hooks',
    'models',
    'optim',
    'optimize',
    'override_by_type',
    'visualization',
]
