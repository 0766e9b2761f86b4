"""Atomic checkpoints: complete or absent, whatever ends a training."""

import contextlib
import inspect
import os
import os.path as osp
import re
from collections.abc import Iterator
from pathlib import Path

import torch
from mmengine.dist import is_main_process
from mmengine.fileio import LocalBackend, register_backend
from mmengine.hooks import CheckpointHook
from mmengine.runner import Runner
from mmpose.registry import HOOKS
from torch import nn

from ..utils.errors import InputError
from ..utils.io import write_bytes, write_text
from .dist import run_on_rank0, unwrap_model
from .runner import checkpoint_of, is_resuming

BACKEND = 'directpose.whole_files'


class WholeFilesBackend(LocalBackend):
    """Files on this machine, each written beside its place and put there when it is whole."""

    def put(self, obj: bytes, filepath: str | os.PathLike) -> None:
        """Write a binary file.

        Raises:
            InputError: it cannot be written.
        """
        os.makedirs(osp.dirname(filepath), exist_ok=True)
        write_bytes(obj, filepath)


register_backend(BACKEND, WholeFilesBackend)


class RemovalList:
    """A file backend that notes what to remove and leaves it."""

    def __init__(self, backend: LocalBackend) -> None:
        self.outdated: list[str] = []
        self._backend = backend

    def __getattr__(self, name: str):
        return getattr(self._backend, name)

    def remove(self, path: str) -> None:
        """Note a file."""
        self.outdated.append(path)


@HOOKS.register_module()
class WholeCheckpointHook(CheckpointHook):
    """mmengine's hook, without moments at which being ended costs more than an interval.

    A checkpoint is written beside its place, and what it makes outdated is removed after that; who
    is killed in between keeps one file more. A ``last_checkpoint`` that a run was about to write
    when it was killed is made good before the next one resumes. Weights that are not finite are
    not written.

    Files elsewhere (``out_dir`` with a scheme, or a backend of one's own) are written as that
    backend does, and mmengine's FlexibleRunner writes by itself: neither beside its place.

    Args:
        args, kwargs: of :class:`mmengine.hooks.CheckpointHook`.
    """

    def __init__(self, *args, **kwargs) -> None:
        chosen = kwargs.get('backend_args') or kwargs.get('file_client_args')
        if not chosen and '://' not in str(kwargs.get('out_dir')):
            kwargs['backend_args'] = dict(backend=BACKEND)
        super().__init__(*args, **kwargs)
        unknown = {*self.args} - {*inspect.signature(Runner.save_checkpoint).parameters}
        if unknown:  # mmengine would find them after the first epoch
            raise TypeError(f'CheckpointHook has no argument {", ".join(sorted(unknown))}')

    def before_run(self, runner) -> None:
        """Mend ``last_checkpoint``, which mmengine reads after this, for a run that is resumed."""
        if is_resuming(runner) and checkpoint_of(runner) is None:
            run_on_rank0(repair_last_checkpoint, Path(runner.work_dir))

    def before_train(self, runner) -> None:
        """Tidy up after a training that was killed."""
        super().before_train(runner)
        if is_main_process():
            # A test leaves the files of a training alone, which may be going on.
            clear_partial_files(Path(self.out_dir))

    def _save_checkpoint_with_step(self, runner, *args, **kwargs) -> None:
        check_finite(unwrap_model(runner.model), self.last_ckpt)
        with self._removing_afterwards():
            super()._save_checkpoint_with_step(runner, *args, **kwargs)

    def _save_best_checkpoint(self, runner, metrics) -> None:
        missing = {*(self.save_best or ())} - {'auto', *metrics}
        if missing:
            raise InputError(
                f'default_hooks.checkpoint.save_best={missing.pop()!r}: no metric has this name; '
                f'give one of {", ".join(map(repr, metrics))}, then go on with --resume'
            )
        with self._removing_afterwards():
            super()._save_best_checkpoint(runner, metrics)

    @contextlib.contextmanager
    def _removing_afterwards(self) -> Iterator[None]:
        """Let the files that mmengine removes stay until their successors are there."""
        backend, self.file_backend = self.file_backend, RemovalList(self.file_backend)
        try:
            yield
            for path in self.file_backend.outdated:
                if path not in self._current():
                    backend.remove(path)
        finally:
            self.file_backend = backend

    def _current(self) -> set[str | None]:
        """The checkpoints that are in use; with a fixed name, the new one is where the old was."""
        # mmengine has the one for a single metric and the other for several.
        single = getattr(self, 'best_ckpt_path', None)
        return {self.last_ckpt, single, *getattr(self, 'best_ckpt_path_dict', {}).values()}


def clear_partial_files(folder: Path) -> None:
    """Remove what a run that was killed while it wrote a checkpoint has left."""
    for path in folder.glob('.*.partial.pth'):
        path.unlink()


def find_last_checkpoint(work_dir: Path) -> str | None:
    """The checkpoint that ``--resume`` goes on with, if a training was begun in the folder.

    If what ``last_checkpoint`` names is gone, it is the newest one of its folder.

    Raises:
        InputError: there is none.
    """
    note = work_dir / 'last_checkpoint'
    if not note.exists():
        return None
    named = note.read_text(encoding='utf-8').strip()
    if '://' in named or (named and osp.exists(named)):
        return named
    whole = [p for p in work_dir.iterdir() if re.fullmatch(r'(epoch|iter)_\d+\.pth', p.name)]
    if not whole:
        # mmengine would begin anew, over what is there under other names or elsewhere.
        raise InputError(
            f'{note} names {named or "nothing"}, which is not there: bring it back, name another '
            'checkpoint with --resume FILE, or remove last_checkpoint to begin anew'
        )
    return str(max(whole, key=lambda path: int(path.stem.split('_')[1])))


def repair_last_checkpoint(work_dir: Path) -> None:
    """Let ``last_checkpoint`` name what :func:`find_last_checkpoint` finds, if it does not.

    Raises:
        InputError: there is no checkpoint to name.
    """
    note, found = work_dir / 'last_checkpoint', find_last_checkpoint(work_dir)
    if found and note.read_text(encoding='utf-8').strip() != found:
        write_text(found, note)


def check_finite(model: nn.Module, last: str | None) -> None:
    """Check that all weights are numbers.

    Args:
        model: whose weights are to be written.
        last: the checkpoint before.

    Raises:
        InputError: one is not.
    """
    broken = [name for name, w in model.state_dict().items() if not torch.isfinite(w).all()]
    if broken:
        since = f'; the last good checkpoint is {last}' if last else ''
        raise InputError(
            f'{len(broken)} of the weights, {broken[0]} first, are not finite, so no checkpoint is '
            f'written{since}: a lower learning rate or clipped gradients may help'
        )
