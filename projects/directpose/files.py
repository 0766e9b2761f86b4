"""Files that are whole or not there."""

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

from .errors import InputError


@contextlib.contextmanager
def replacing(path: str | os.PathLike) -> Iterator[str]:
    """Give the name of a file beside ``path`` to write to; it takes its place in the end.

    If writing fails, what was at ``path`` before stays and nothing is left beside it.

    Raises:
        InputError: it cannot be written, for example because the disk is full.
    """
    path = Path(path)
    partial = path.with_name(f'{path.stem}.partial{path.suffix}')
    try:
        yield str(partial)
        os.replace(partial, path)
    except OSError as error:
        raise InputError(
            f'cannot write {path} ({error.strerror or error}); what was there before is untouched'
        ) from error
    finally:
        partial.unlink(missing_ok=True)


def write_text(text: str, path: str | os.PathLike) -> None:
    """Write a text file, whole or not at all."""
    with replacing(path) as partial:
        Path(partial).write_text(text, encoding='utf-8')


def write_json(content, path: str | os.PathLike) -> None:
    """Write a JSON file, whole or not at all."""
    write_text(json.dumps(content), path)
