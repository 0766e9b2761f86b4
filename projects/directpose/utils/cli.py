"""Command-line helpers: argparse types, and running other tools."""

import re
import subprocess
import sys
from pathlib import Path

from mmengine.config import DictAction

from .errors import InputError

PROGRESS = re.compile(r'(Epoch|Iter)\((train|val|test)\).*?(eta: \S+|coco/AP: \S+)')


class KeyValues(DictAction):
    """mmengine's ``DictAction``, which says what is wrong with a value without ``=``."""

    def __call__(self, parser, namespace, values, option_string=None):
        """Keep the values as a dict."""
        wrong = [value for value in values if '=' not in value]
        if wrong:
            parser.error(f'argument {option_string}: {wrong[0]!r} is not of the form key=value')
        super().__call__(parser, namespace, values, option_string)


def positive(text: str) -> int:
    """A whole number of at least 1.

    Raises:
        ValueError: it is none.
    """
    if int(text) < 1:
        raise ValueError(text)
    return int(text)


def port(text: str) -> int:
    """A port to listen on.

    Raises:
        ValueError: it is none.
    """
    if not 1 <= int(text) <= 65535:
        raise ValueError(text)
    return int(text)


def share(text: str) -> float:
    """A number from 0 to 1.

    Raises:
        ValueError: it is none.
    """
    if not 0 <= float(text) <= 1:
        raise ValueError(text)
    return float(text)


def not_negative(text: str) -> int:
    """A whole number of at least 0.

    Raises:
        ValueError: it is none.
    """
    if int(text) < 0:
        raise ValueError(text)
    return int(text)


def run_tool(tool: Path, log_file: Path, *args: str, prefix: str = '') -> None:
    """Run a tool of OpenMMLab's kind: its progress is shown, all that it prints is in the log.

    Args:
        tool: its file.
        log_file: appended to.
        args: of the tool.
        prefix: of the lines that are shown.

    Raises:
        InputError: it failed; its last line says why.
    """
    command = [sys.executable, '-W', 'ignore', str(tool), *args]
    pipes = dict(stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    line = ''
    with open(log_file, 'a', encoding='utf-8') as log, subprocess.Popen(command, **pipes) as run:
        for line in run.stdout:
            log.write(line)
            progress = PROGRESS.search(line)
            if progress:
                print(prefix + re.sub(r'\s*(base_)?lr: \S+', '', progress[0]), flush=True)
    if run.returncode:
        raise InputError(f'tools/{tool.name} failed ({line.strip()}); see {log_file}')
