"""mmengine's runner for our tools."""

import functools
import logging

from mmengine.logging import MMLogger
from mmengine.runner import Runner
from torch.utils.data import DataLoader

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
