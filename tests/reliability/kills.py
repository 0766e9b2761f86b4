"""Trainings that are killed at the worst moments, and resumed."""

import builtins
import contextlib
import functools
import logging
import os
import random
import signal
import sys
import threading
from pathlib import Path
from unittest import mock

import torch
from directpose.engine import checkpoint_hook
from directpose.models import DirectPose
from directpose.utils.io import atomic_write
from helpers.commands import load_tool
from helpers.subprocess_utils import run_in_child


def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)


def half_a_checkpoint(obj, filepath):
    """Die in the middle of a file."""
    with atomic_write(filepath) as partial, open(partial, 'wb') as file:
        file.write(obj[: len(obj) // 2])
        file.flush()
        die()


def nth_call(number, first, then):
    """A function that does ``first``, and ``then`` from its n-th call on; they take the same.

    Of ``open``, only calls that write a ``last_checkpoint`` count.
    """
    calls, opens = [], first is open

    @functools.wraps(first)
    def counted(*args, **kwargs):
        if not opens or (str(args[0]).endswith('last_checkpoint') and 'w' in args[1:2]):
            calls.append(1)
        return (then if len(calls) >= number else first)(*args, **kwargs)

    return counted


def soon(function):
    """The function, and death while it runs or a little later, at a time that is never the same."""

    @functools.wraps(function)
    def wrapped(*args, **kwargs):
        threading.Timer(random.uniform(0.001, 0.1), die).start()
        return function(*args, **kwargs)

    return wrapped


def start_once(timer, function):
    """The function, whose first call starts a timer."""

    @functools.wraps(function)
    def wrapped(*args, **kwargs):
        if not timer.is_alive() and not timer.finished.is_set():
            timer.start()
        return function(*args, **kwargs)

    return wrapped


def open_and_die(*args, real_open=open, **kwargs):
    """Empty a file and die."""
    real_open(*args, **kwargs)
    die()


def half_a_log_record(handler, record):
    """Die in the middle of a line."""
    handler.stream.write(handler.format(record)[:20])
    handler.flush()
    die()


BACKEND = checkpoint_hook.WholeFilesBackend
# What is replaced at each moment, and by what from its n-th call on.
MOMENTS = {
    'step': (DirectPose, 'loss', soon(DirectPose.loss)),
    'validation': (DirectPose, 'predict', soon(DirectPose.predict)),
    'half a checkpoint': (BACKEND, 'put', lambda _, *args: half_a_checkpoint(*args)),
    'before its renaming': (checkpoint_hook.os, 'fsync', die),
    'before the old one is removed': (BACKEND, 'remove', die),
    'last_checkpoint': (builtins, 'open', open_and_die),
    'log': (logging.FileHandler, 'emit', half_a_log_record),
}


def train(arguments, moment=None, number=1):
    """Run tools/train.py, killed at the n-th occurrence of a moment, or n seconds after a step."""
    torch.set_num_threads(1)
    sys.argv = ['tools/train.py', *map(str, arguments)]
    with contextlib.ExitStack() as stack:
        if moment == 'seconds':
            timer = threading.Timer(number, die)
            timer.daemon = True
            started = start_once(timer, DirectPose.loss)
            stack.enter_context(mock.patch.object(DirectPose, 'loss', started))
        elif moment is not None:
            owner, name, then = MOMENTS[moment]
            replaced = nth_call(number, getattr(owner, name), then)
            stack.enter_context(mock.patch.object(owner, name, replaced))
        load_tool('train').main()


def train_through_kills(arguments, work_dir: Path, kills) -> list[int]:
    """Train, resuming after each kill; the epochs that were kept at each.

    Args:
        arguments: of tools/train.py.
        work_dir: to train in.
        kills: (moment, number of its occurrence) of each kill, or ('seconds', how many after its
            first step).
    """
    arguments = [*arguments, '--work-dir', str(work_dir), '--resume']
    log, done = work_dir.with_suffix('.log'), []
    for kill in kills:
        status = run_in_child(train, arguments, *kill, log=log)
        assert status == -signal.SIGKILL, (kill, status, log.read_text()[-3000:])
        done.append(last_whole_epoch(work_dir))
    status = run_in_child(train, arguments, log=log)
    assert status == 0, log.read_text()[-3000:]
    return done


def last_whole_epoch(work_dir: Path) -> int:
    """Of the checkpoints; all of them must be whole, whatever was going on."""
    epochs = [0]
    for path in work_dir.glob('*.pth'):
        if '.partial.' not in path.name:
            epochs.append(torch.load(path, weights_only=True)['meta']['epoch'])
    return max(epochs)


def weights(path: Path) -> dict[str, torch.Tensor]:
    return torch.load(path, weights_only=True)['state_dict']
