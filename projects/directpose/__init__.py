"""DirectPose for MMPose and MMDetection; importing it registers all that it brings.

Importing it also changes four things for the whole process: torch reads checkpoints without
executing what is in them, mmengine's own checkpoints stay readable that way, mmpose's inferencers
find our models by name, and a few warnings of other packages are silenced. See
docs/architecture.md.
"""

from .utils.dependencies import check_dependencies
from .utils.quiet import ignore_warnings

ignore_warnings()
check_dependencies()

from . import datasets, engine, evaluation, models  # noqa: E402
from .apis import visualization  # noqa: E402
from .apis.hub import register_models  # noqa: E402
from .utils.config import config_path, override_by_type  # noqa: E402
from .version import __version__  # noqa: E402
from .weights.checkpoint import allow_mmengine_checkpoints, enforce_weights_only  # noqa: E402

allow_mmengine_checkpoints()
enforce_weights_only()
register_models()

__all__ = [
    '__version__',
    'config_path',
    'datasets',
    'engine',
    'evaluation',
    'models',
    'override_by_type',
    'visualization',
]
