"""Which versions of the OpenMMLab packages directpose works with."""

import importlib

SUPPORTED = {  # at least, below
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
                f'{needed}, which does not import ({error}); install it as the README says'
            ) from error
        from mmengine.utils import digit_version

        if not digit_version(low) <= digit_version(found) < digit_version(high):
            raise ImportError(f'{needed}, but {found} is installed; see the README')
    try:
        importlib.import_module('mmcv.ops')
    except ImportError as error:
        raise ImportError(
            f'mmcv was installed without its compiled operators, which mmdet imports ({error}); '
            'build it against the installed torch as the README says'
        ) from error
