"""Checks of the versions of other packages."""

import importlib

from packaging.version import Version

SUPPORTED = {  # at least, below
    'numpy': ('1.25', '3'),  # numpy.dtypes
    'torch': ('2.6', '3'),  # weights_only loading with a list of safe types
    'mmengine': ('0.10.3', '0.11.0'),
    'mmcv': ('2.0.1', '2.4.0'),
    'mmdet': ('3.2.0', '3.6.0'),
    'mmpose': ('1.3.0', '1.4.0'),
}


def check_dependencies() -> None:
    """Check that the packages are there, in a supported version and with compiled operators.

    Raises:
        ImportError: naming the package, what was found and what is needed.
    """
    for name, (low, high) in SUPPORTED.items():
        needed = f'directpose needs {name} >={low},<{high}'
        try:
            found = importlib.import_module(name).__version__
        except ImportError as error:
            raise ImportError(
                f'{needed}, which does not import ({error}); see docs/installation.md'
            ) from error
        if not Version(low) <= Version(found) < Version(high):
            raise ImportError(f'{needed}, but {found} is installed; see docs/installation.md')
    try:
        importlib.import_module('mmcv.ops')
    except ImportError as error:
        raise ImportError(
            f'mmcv was installed without its compiled operators, which mmdet imports ({error}); '
            'build it against the installed torch, see docs/installation.md'
        ) from error
