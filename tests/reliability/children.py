"""Python functions in processes of their own that start at once and may die."""

import contextlib
import faulthandler
import multiprocessing
import os
import sys
from pathlib import Path


def run_in_child(function, *args, log: Path, timeout: float = 300) -> int:
    """Call a function in a new process, its output in a log; the exit status, < 0 by a signal.

    The imports are made once, in a server that all children are forked from.

    Raises:
        TimeoutError: it hangs; its threads' stacks are in the log.
    """
    context = multiprocessing.get_context('forkserver')
    context.set_forkserver_preload(['directpose', 'mmpose.apis', 'mmdet.models'])
    child = context.Process(target=_call, args=(function, args, log, timeout))
    child.start()
    child.join(timeout + 10)
    if child.exitcode is None:
        child.kill()
        raise TimeoutError(f'{function.__name__}{args} hangs; see {log}')
    return child.exitcode


def _call(function, args, log, timeout):
    """Call a function with what it prints in a file."""
    with open(log, 'a') as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
        faulthandler.enable(file)
        faulthandler.dump_traceback_later(timeout, exit=True, file=file)
        try:
            with contextlib.suppress(SystemExit):
                function(*args)
                return
            os._exit(1)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
