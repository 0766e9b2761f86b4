"""mmengine's runner for our tools."""

import logging

from mmengine.logging import MMLogger
from mmengine.runner import Runner

from ..utils.quiet import shorten_console


class ConsoleRunner(Runner):
    """mmengine's runner with a short console: config, environment and hooks are in its log file."""

    def build_logger(self, *args, **kwargs) -> MMLogger:
        """The parent's logger, and where its file is."""
        logger = super().build_logger(*args, **kwargs)
        shorten_console(logger)
        files = [h.baseFilename for h in logger.handlers if isinstance(h, logging.FileHandler)]
        if files:
            logger.info(f'config, environment and hooks are in {files[0]}')
        return logger


# mmengine has no public way to ask a runner for these two.


def is_resuming(runner: Runner) -> bool:
    """Whether a runner goes on with a training."""
    return bool(runner._resume)


def checkpoint_of(runner: Runner) -> str | None:
    """The checkpoint that a runner was told to load; None also where it looks for one itself.

    mmengine's ``FlexibleRunner`` is told by its ``resume``.
    """
    return runner._resume if isinstance(runner._resume, str) else runner._load_from
