"""Functions and scripts in processes of their own that start at once, and that may die.

All that is imported is imported once, in a server that the processes are forked from.
"""

import contextlib
import faulthandler
import multiprocessing
import os
import runpy
import subprocess
import sys
import tempfile
import traceback
import warnings
from pathlib import Path

PRELOADED = ['directpose', 'mmpose.apis', 'mmdet.models', 'mmpose.visualization']


def run_in_child(function, *args, log: Path, timeout: float = 300) -> int:
    """Call a function in a new process, its output in a log; the exit status, < 0 by a signal.

    Raises:
        TimeoutError: it hangs; the stacks of its threads are in the log.
    """
    context = multiprocessing.get_context('forkserver')
    context.set_forkserver_preload(PRELOADED)
    child = context.Process(target=_call, args=(function, args, log, timeout))
    child.start()
    child.join(timeout + 10)
    if child.exitcode is None:
        child.kill()
        raise TimeoutError(f'{function.__name__}{args} hangs; see {log}')
    return child.exitcode


def run_script(script, *args, cwd) -> subprocess.CompletedProcess:
    """Run a Python script in a new process, as ``python -W ignore script args`` does."""
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder, name) for name in ('stdout', 'stderr')]
        arguments = [str(a) for a in (script, *args)]
        status = run_in_child(_run_script, arguments, str(cwd), files[0], log=files[1])
        printed = [file.read_text() for file in files]
    return subprocess.CompletedProcess(arguments, status, *printed)


def _call(function, args, log, timeout):
    """Call a function with what it prints in a file."""
    with open(log, 'a') as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
        faulthandler.enable(file)
        faulthandler.dump_traceback_later(timeout, exit=True, file=file)
        try:
            function(*args)
        except SystemExit as end:
            if isinstance(end.code, str):
                print(end.code, file=sys.stderr)
            status = 1 if isinstance(end.code, str) else end.code
        except BaseException:
            traceback.print_exc()
            status = 1
        else:
            status = 0
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(BrokenPipeError):
                stream.flush()
        faulthandler.cancel_dump_traceback_later()
        sys.exit(status)


def _run_script(arguments, cwd, stdout):
    """Run a script of Python in this process."""
    with open(stdout, 'w') as file:
        os.dup2(file.fileno(), 1)
    os.chdir(cwd)
    sys.argv = arguments
    sys.path.insert(0, str(Path(cwd, arguments[0]).parent))
    warnings.simplefilter('ignore')
    runpy.run_path(arguments[0], run_name='__main__')
