"""Silencing messages of other packages that do not concern our users."""

import logging
import re
import warnings

# Deprecations inside of the packages that we build on, and mmpose's note that it has found its own
# file.
WARNINGS = (
    'pkg_resources is deprecated',
    'torch.meshgrid: in an upcoming release',
    'The metainfo config file',
    # configs set it for a GPU; without one it does nothing
    "'pin_memory' argument is set as true but no accelerator",
    'faster_coco_eval is not installed',  # of the fork's mmdet, for a metric of its own
)
# What goes to the log file only.
LOG_ONLY = re.compile(
    r'Config:|Hooks will be executed in|\s*-+\s*System environment|paramwise_options'
    r'|"FileClient" will be deprecated|"HardDiskBackend" is the alias'
    r'|\S+ is skipped since its requires_grad=False'
)


def ignore_warnings() -> None:
    """Ignore the warnings of the list, for the whole process."""
    for message in WARNINGS:
        warnings.filterwarnings('ignore', message, category=UserWarning)


def shorten_console(logger: logging.Logger) -> None:
    """Keep the long messages of a logger of mmengine in its file."""
    for handler in logger.handlers:
        if not isinstance(handler, logging.FileHandler):
            handler.addFilter(lambda record: not LOG_ONLY.match(record.getMessage()))
