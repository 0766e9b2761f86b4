"""Reading checkpoints without executing what is in them."""

import collections
import importlib

import numpy as np
import torch
from mmengine.logging import HistoryBuffer

# The methods by which a HistoryBuffer of mmengine refers to its own statistics.
_HISTORY_METHODS = ('min', 'max', 'current', 'mean')


def _history_getattr(owner: type, name: str):
    """The only use of ``getattr`` that a checkpoint of mmengine makes.

    Raises:
        AttributeError: for anything but the statistics of a HistoryBuffer.
    """
    if owner is HistoryBuffer and name in _HISTORY_METHODS:
        return getattr(owner, name)
    raise AttributeError(f'a checkpoint may not look up {name!r} of {owner!r}')


def allow_mmengine_checkpoints() -> None:
    """Let ``torch.load(weights_only=True)`` read what mmengine's runner writes.

    Besides tensors its files hold the message hub: history buffers and numpy arrays. Since
    torch 2.6 these are refused unless they are listed. Only plain data is listed here, so that
    reading a file from outside cannot run its code.
    """
    allowed = [HistoryBuffer, np.ndarray, np.dtype, collections.OrderedDict]
    allowed.append((_history_getattr, 'builtins.getattr'))
    dtypes = (getattr(np.dtypes, name) for name in dir(np.dtypes) if name.endswith('DType'))
    # Arrays of objects would bring arbitrary pickles along.
    allowed += [dtype for dtype in dtypes if dtype is not np.dtypes.ObjectDType]
    multiarray = importlib.import_module(np.ndarray.__reduce__(np.zeros(0))[0].__module__)
    for module in ('numpy.core.multiarray', 'numpy._core.multiarray'):  # numpy 1, numpy 2
        allowed.append((multiarray._reconstruct, f'{module}._reconstruct'))
        allowed.append((multiarray.scalar, f'{module}.scalar'))
    torch.serialization.add_safe_globals(allowed)
