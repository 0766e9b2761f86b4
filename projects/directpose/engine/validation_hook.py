"""Hook that checks config and data for runs not started by our tools."""

import os.path as osp
from collections.abc import Callable

from mmengine.hooks import Hook
from mmpose.registry import HOOKS
from torch import nn

from ..validation.config import check_config
from ..weights.checkpoint import check_checkpoint, check_shapes
from .dist import run_on_rank0, unwrap_model
from .runner import checkpoint_of, is_resuming


@HOOKS.register_module()
class CheckDataHook(Hook):
    """Check config and data before the first iteration, as ``tools/train.py`` does.

    mim and mmpose run their own scripts. Our tools check before anything is built, and leave
    this hook out: see :func:`without_check_hook`.
    """

    priority = 'HIGHEST'

    def before_train(self, runner) -> None:
        """Check what is trained on.

        Raises:
            InputError: see :func:`check_config`, or the weights to start with do not fit.
        """
        run_on_rank0(check_config, runner.cfg, ('train', 'val'))
        check = check_checkpoint if is_resuming(runner) else check_shapes
        run_on_rank0(check_weights, runner, check)

    def before_test(self, runner) -> None:
        """Check what is tested on.

        Raises:
            InputError: see :func:`check_config`, or the checkpoint is of another model.
        """
        run_on_rank0(check_config, runner.cfg, ('test',))
        run_on_rank0(check_weights, runner, check_checkpoint)


def check_weights(runner, check: Callable[[str, nn.Module], None]) -> None:
    """Check the checkpoint of a runner, if it is a file, against its model."""
    path = checkpoint_of(runner)
    if path and osp.isfile(path):
        check(path, unwrap_model(runner.model))


def without_check_hook(custom_hooks: list[dict]) -> list[dict]:
    """The hooks of a config whose data were checked already."""
    return [hook for hook in custom_hooks if hook['type'] != 'CheckDataHook']
