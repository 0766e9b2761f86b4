"""Distributed training helpers."""

import datetime
import os
import sys
from collections.abc import Callable
from typing import cast

import torch
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.dist import broadcast_object_list, init_dist, is_distributed, is_main_process
from mmengine.model import is_model_wrapper
from torch import nn

from ..utils.errors import InputError


def start_processes(cfg: Config) -> None:
    """Join the other processes that the launcher of a config has started, if it has one.

    mmengine takes a GPU for each process. Where there is none, they are joined by gloo, and the
    config's model wrapper is one for the CPU.

    Raises:
        InputError: nothing has started them, or Slurm where there is no GPU.
    """
    if cfg.launcher == 'none':
        return
    options = dict(cfg.env_cfg.get('dist_cfg', {}))
    if get_device() != 'cpu':
        init_dist(cfg.launcher, **options)
        return
    if cfg.launcher != 'pytorch':
        raise InputError(
            f'--launcher {cfg.launcher} is for GPUs, and there is none: use tools/dist_train.sh'
        )
    if 'RANK' not in os.environ:
        raise InputError('--launcher pytorch is for torchrun: use tools/dist_train.sh')
    seconds = options.get('timeout')
    timeout = datetime.timedelta(seconds=seconds) if seconds else None
    torch.distributed.init_process_group('gloo', timeout=timeout)
    unused = cfg.get('find_unused_parameters', False)
    cfg.setdefault(
        'model_wrapper_cfg', dict(broadcast_buffers=False, find_unused_parameters=unused)
    )
    cfg.model_wrapper_cfg.device_ids = None


def run_on_rank0(function: Callable, *args) -> None:
    """Call a function in the first process only; the others wait for it, and end if it fails.

    Raises:
        InputError: what the function raises, in the first process.
    """
    failed, group = [True], None
    if is_distributed():  # to look at millions of images takes longer than a training step may
        group = torch.distributed.new_group(backend='gloo', timeout=datetime.timedelta(days=1))
    if not is_main_process():
        broadcast_object_list(failed, group=group)
        if failed[0]:
            sys.exit(1)
        return
    try:
        function(*args)
        failed = [False]
    finally:
        broadcast_object_list(failed, group=group)


def unwrap_model(model: nn.Module) -> nn.Module:
    """The model itself, without what distributes it."""
    return cast(nn.Module, model.module) if is_model_wrapper(model) else model
