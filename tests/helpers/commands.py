"""Commands as a user types them."""

import contextlib
import importlib.util
import io
import subprocess
import sys
from pathlib import Path
from unittest import mock

from helpers.subprocess_utils import run_script

ROOT = Path(__file__).resolve().parents[2]
CONFIG = 'configs/directpose/directpose_tiny_1xb4-5e_synthetic-256x320.py'


def run(*command, cwd=ROOT, **options):
    """Run a command, in the repository by default; its exit status and what it printed."""
    return subprocess.run(
        [str(c) for c in command], cwd=cwd, capture_output=True, text=True, timeout=300, **options
    )


def mim(*args, **options):
    """Run mim, which must succeed; what it printed."""
    done = run(Path(sys.executable).parent / 'mim', *args, **options)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    return done.stdout + done.stderr


def python(script, *args, cwd=ROOT):
    """Run a Python script as a command; its exit status and what it printed."""
    return run_script(script, *args, cwd=cwd)


def load_tool(name):
    """The module of one of our tools, or of the command that it stands for."""
    command = dict(export_onnx='export').get(name, name)
    if (ROOT / f'projects/directpose/cli/{command}.py').exists():
        return importlib.import_module(f'directpose.cli.{command}')
    spec = importlib.util.spec_from_file_location(f'tool_{name}', ROOT / f'tools/{name}.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def call(name, *args):
    """Run one of our tools in this process, much faster than as a command; otherwise like it."""
    printed, status = io.StringIO(), 0
    with (
        mock.patch.object(sys, 'argv', [f'tools/{name}.py', *map(str, args)]),
        contextlib.redirect_stdout(printed),
    ):
        try:
            load_tool(name).main()
        except SystemExit as error:
            status = error.code
    message = f'{status}\n' if isinstance(status, str) else ''
    return subprocess.CompletedProcess(args, 1 if message else status, printed.getvalue(), message)


def data_options(data_root):
    """Options that point the config to the set, and make an epoch short."""
    options = [
        f'{split}_dataloader.dataset.data_root={data_root}/' for split in ('train', 'val', 'test')
    ]
    options += [f'{s}_evaluator.ann_file={data_root}/annotations/val.json' for s in ('val', 'test')]
    loaders = [
        f'{split}_dataloader.{key}'
        for split in ('train', 'val', 'test')
        for key in ('num_workers=0', 'persistent_workers=False')
    ]
    epochs = ['train_cfg.max_epochs=1', 'train_cfg.val_interval=1']
    return options + loaders + epochs + ['train_dataloader.batch_size=4']
