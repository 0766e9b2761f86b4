"""mmengine's runner for our tools."""

import functools
import logging

from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.optim import OptimWrapper, OptimWrapperDict
from mmengine.runner import BaseLoop, Runner
from mmengine.runner.runner import ParamSchedulerType
from torch.utils.data import DataLoader

from ..utils.config import config_error_context
from ..utils.interrupts import leave_interrupts
from ..utils.quiet import shorten_console


class ConsoleRunner(Runner):
    """mmengine's runner with a short console: config, environment and hooks are in its log file.

    The workers of its loaders leave Ctrl-C to it.
    """

    def build_logger(self, *args, **kwargs) -> MMLogger:
        """The parent's logger, and where its file is."""
        logger = super().build_logger(*args, **kwargs)
        shorten_console(logger)
        files = [h.baseFilename for h in logger.handlers if isinstance(h, logging.FileHandler)]
        if files:
            logger.info(f'config, environment and hooks are in {files[0]}')
        return logger

    # What the rest of a config has that cannot be used is told in a sentence, before the first
    # iteration.

    @classmethod
    def from_cfg(cls, cfg: Config) -> 'ConsoleRunner':
        """See the parent."""
        with config_error_context(f'{cfg.filename}'):
            return super().from_cfg(cfg)

    def build_train_loop(self, loop) -> BaseLoop:
        """See the parent."""
        with config_error_context(f'{self.cfg.filename}: train_dataloader or train_cfg'):
            return super().build_train_loop(loop)

    def build_val_loop(self, loop) -> BaseLoop:
        """See the parent."""
        with config_error_context(f'{self.cfg.filename}: val_dataloader or val_evaluator'):
            return super().build_val_loop(loop)

    def build_test_loop(self, loop) -> BaseLoop:
        """See the parent."""
        with config_error_context(f'{self.cfg.filename}: test_dataloader or test_evaluator'):
            return super().build_test_loop(loop)

    def build_optim_wrapper(self, optim_wrapper) -> OptimWrapper | OptimWrapperDict:
        """See the parent."""
        with config_error_context(f'{self.cfg.filename}: optim_wrapper'):
            return super().build_optim_wrapper(optim_wrapper)

    def build_param_scheduler(self, scheduler) -> ParamSchedulerType:
        """See the parent."""
        with config_error_context(f'{self.cfg.filename}: param_scheduler'):
            return super().build_param_scheduler(scheduler)

    @staticmethod
    def build_dataloader(*args, **kwargs) -> DataLoader:
        """See the parent."""
        loader = Runner.build_dataloader(*args, **kwargs)
        loader.worker_init_fn = functools.partial(leave_interrupts, loader.worker_init_fn)
        return loader


# mmengine has no public way to ask a runner for these two.


def is_resuming(runner: Runner) -> bool:
    """Whether a runner goes on with a training."""
    return bool(runner._resume)


def checkpoint_of(runner: Runner) -> str | None:
    """The checkpoint that a runner was told to load; None also where it looks for one itself.

    mmengine's ``FlexibleRunner`` is told by its ``resume``.
    """
    return runner._resume if isinstance(runner._resume, str) else runner._load_from
