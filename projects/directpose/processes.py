"""Several processes that work on one model."""

import sys
from collections.abc import Callable

import torch
from mmengine.config import Config
from mmengine.dist import broadcast_object_list, init_dist, is_main_process
from mmengine.model import is_model_wrapper
from torch import nn


def start_processes(cfg: Config) -> None:
    """Join the other processes that the launcher of a config has started, if it has one.

    mmengine takes a GPU for each process. Where there is none, they are joined by gloo, and the
    config's model wrapper is one for the CPU.
    """
    if cfg.launcher == 'none':
        return
    if cfg.launcher == 'pytorch' and not torch.cuda.is_available():
        torch.distributed.init_process_group('gloo')
        cfg.setdefault('model_wrapper_cfg', dict(broadcast_buffers=False))
        cfg.model_wrapper_cfg.device_ids = None
        return
    init_dist(cfg.launcher, **cfg.env_cfg.get('dist_cfg', {}))


def check_in_first(check: Callable, *args) -> None:
    """Run a check in the first process only; the others wait for it, and end if it fails.

    Raises:
        InputError: what the check raises, in the first process.
    """
    failed = [True]
    if not is_main_process():
        broadcast_object_list(failed)
        if failed[0]:
            sys.exit(1)
        return
    try:
        check(*args)
        failed = [False]
    finally:
        broadcast_object_list(failed)


def unwrapped(model: nn.Module) -> nn.Module:
    """The model itself, without what distributes it."""
    return model.module if is_model_wrapper(model) else model
