"""Safe reading of checkpoints: nothing in them is executed."""

import codecs
import collections
import importlib
import os.path as osp
import pickle
import urllib.parse
from collections.abc import Mapping

import mmengine.runner.checkpoint
import numpy as np
import torch
from mmengine.logging import HistoryBuffer

from ..utils.errors import InputError

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
    allowed.append(bytes)  # of empty arrays: a skeleton without limbs
    allowed.append((_history_getattr, 'builtins.getattr'))
    dtypes = (getattr(np.dtypes, name) for name in dir(np.dtypes) if name.endswith('DType'))
    # Arrays of objects would bring arbitrary pickles along.
    allowed += [dtype for dtype in dtypes if dtype is not np.dtypes.ObjectDType]
    multiarray = importlib.import_module(np.ndarray.__reduce__(np.zeros(0))[0].__module__)
    for module in ('numpy.core.multiarray', 'numpy._core.multiarray'):  # numpy 1, numpy 2
        allowed.append((multiarray._reconstruct, f'{module}._reconstruct'))
        allowed.append((multiarray.scalar, f'{module}.scalar'))
    torch.serialization.add_safe_globals(allowed)


def enforce_weights_only() -> None:
    """Let mmengine read every checkpoint without running what is in it.

    What it downloads, it would read by a function of torch whose default is to run code. The
    community fork's own reading runs code where it is refused at first, and forgets afterwards what
    :func:`allow_mmengine_checkpoints` has allowed.
    """
    module = mmengine.runner.checkpoint
    module.load_url = download
    if hasattr(module, '_safe_torch_load'):
        module._safe_torch_load = load_safely


def download(url: str, model_dir: str | None = None, **options):
    """``torch.hub.load_state_dict_from_url`` for plain weights only.

    Raises:
        InputError: they cannot be downloaded.
    """
    try:
        return torch.hub.load_state_dict_from_url(
            url, model_dir, **{**options, 'weights_only': True}
        )
    except OSError as error:  # as those of urllib are
        folder = model_dir or osp.join(torch.hub.get_dir(), 'checkpoints')
        path = osp.join(folder, osp.basename(urllib.parse.urlparse(url).path))
        raise InputError(
            f'cannot download {url} to {path} ({error}); put the file there by hand (if it is the '
            'backbone of a training, model.backbone.init_cfg=None starts from random weights)'
        ) from error


def load_safely(file, map_location=None, weights_only=None):
    """``torch.load`` with ``weights_only=True``, whatever is asked for."""
    return torch.load(file, map_location=map_location, weights_only=True)


def read_checkpoint(path: str) -> tuple[dict[str, torch.Tensor], dict]:
    """The weights of a checkpoint, and whatever else it holds, without running what is in it.

    Raises:
        InputError: the file cannot be read, or holds something else.
    """
    try:
        content = load_arrays(path) if path.endswith('.pkl') else load_tensors(path)
        # by the names of mmengine and of detectron2
        weights = content.get('state_dict', content.get('model', content))
        weights = {n: torch.as_tensor(w) for n, w in weights.items() if is_array(w)}
    except OSError as error:
        raise InputError(
            f'cannot read the checkpoint {path} ({error.strerror}); give a file on this machine'
        ) from error
    except Exception as error:  # whatever unpickling a stranger's file ends in
        raise InputError(
            f'{path} is not a checkpoint of plain weights ({type(error).__name__})'
        ) from error
    return weights, content


def load_tensors(path: str):
    """The content of a file of torch."""
    return torch.load(path, map_location='cpu', weights_only=True)


def load_arrays(path: str):
    """The content of a pickle of numpy arrays in plain containers, as detectron2's zoo has them.

    Raises:
        pickle.UnpicklingError: it refers to anything else.
    """
    with open(path, 'rb') as file:
        return ArrayUnpickler(file, encoding='latin1').load()


class ArrayUnpickler(pickle.Unpickler):
    """Reads numpy arrays and containers, and refuses every other class or function."""

    def find_class(self, module: str, name: str):
        """What a pickle may refer to."""
        core = importlib.import_module(np.ndarray.__reduce__(np.zeros(0))[0].__module__)
        allowed = {
            ('numpy', 'ndarray'): np.ndarray,
            ('numpy', 'dtype'): np.dtype,
            ('collections', 'OrderedDict'): collections.OrderedDict,
            ('_codecs', 'encode'): codecs.encode,  # of bytes, in pickles of Python 2
        }
        for package in ('numpy.core.multiarray', 'numpy._core.multiarray'):  # numpy 1, numpy 2
            allowed[package, '_reconstruct'] = core._reconstruct
            allowed[package, 'scalar'] = core.scalar
        if (module, name) not in allowed:
            raise pickle.UnpicklingError(f'a checkpoint may not refer to {module}.{name}')
        return allowed[module, name]


def is_array(value) -> bool:
    """Whether a value of a checkpoint is a weight."""
    return torch.is_tensor(value) or isinstance(value, np.ndarray)


def weight_problems(
    found: Mapping[str, torch.Tensor], wanted: Mapping[str, torch.Tensor]
) -> list[str]:
    """What is missing, unknown or of another shape among the weights found, sorted."""
    missing = wanted.keys() - found.keys()
    # A count that nothing reads, and that old checkpoints lack.
    problems = [f'{n} is missing' for n in missing if not n.endswith('.num_batches_tracked')]
    problems += [f'{name} is not in the model' for name in found.keys() - wanted.keys()]
    problems += [
        f'{name} is {tuple(found[name].shape)}, in the model {tuple(wanted[name].shape)}'
        for name in wanted.keys() & found.keys()
        if wanted[name].shape != found[name].shape
    ]
    return sorted(problems)


def check_shapes(path: str, model: torch.nn.Module) -> None:
    """Check that the weights that a training starts with are of the model's shapes.

    Any of them may be missing or unknown, but not all.

    Raises:
        InputError: the file cannot be read, weights are of another shape, or none is of the model.
    """
    wanted = model.state_dict()
    weights = {name.removeprefix('module.'): w for name, w in read_checkpoint(path)[0].items()}
    found = {name: weight for name, weight in weights.items() if name in wanted}
    if not found:
        raise InputError(
            f'load_from={path} has no weight of this model; bring the weights of another program '
            'to its names by directpose convert'
        )
    problems = weight_problems(found, {name: wanted[name] for name in found})
    if problems:
        raise InputError(
            f'load_from={path} is of another model or skeleton: {len(problems)} weights have '
            f'another shape ({problems[0]}); for other keypoints, bring it to this config by '
            'directpose convert finetune'
        )


def check_checkpoint(path: str, model: torch.nn.Module) -> None:
    """Check that a checkpoint fits the model: mmengine only warns and leaves random weights.

    Training-only branches may be absent from either side.

    Raises:
        InputError: the file cannot be read, or weights are missing, unknown, of another shape or
            not finite.
    """
    optional = ('heatmap_head.', 'data_preprocessor.')
    found, wanted = (
        {name: w for name, w in weights.items() if not name.startswith(optional)}
        for weights in (read_checkpoint(path)[0], model.state_dict())
    )
    broken = [name for name, weight in found.items() if not torch.isfinite(weight).all()]
    if broken:
        raise InputError(
            f'the checkpoint {path} cannot be used: {len(broken)} of its weights are not finite, '
            f'{broken[0]} first; take an earlier one'
        )
    problems = weight_problems(found, wanted)
    if problems:
        listed = '; '.join(problems[:5]) + ' …' * (len(problems) > 5)
        raise InputError(
            f'the checkpoint {path} is of another model or skeleton than the config: '
            f'{len(problems)} of {len(wanted)} weights differ ({listed})'
        )
