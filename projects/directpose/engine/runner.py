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
