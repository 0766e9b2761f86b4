"""Reading and atomic writing of files."""

import contextlib
import json
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from .errors import InputError


@contextlib.contextmanager
def atomic_write(path: str | os.PathLike) -> Iterator[str]:
    """Give the name of a file beside ``path`` to write to; it takes its place in the end.

    If writing fails, what was at ``path`` before stays and nothing is left beside it. The name is
    hidden, so that no pattern finds it, and new each time, so that two processes that write the
    same file do not write into each other's. A link stays a link.

    Raises:
        InputError: it is a folder or a device, or cannot be written, for example because the disk
            is full.
    """
    path = Path(os.path.realpath(path))
    if os.path.exists(path) and not os.path.isfile(path):
        kind = 'a folder' if os.path.isdir(path) else 'no file on a disk'
        raise InputError(f'{path} is {kind}; give the name of a file')
    # Not with the whole name: that may be as long as a name can be.
    partial = path.with_name(f'.{uuid.uuid4().hex}.partial{path.suffix}')
    try:
        yield str(partial)
        os.replace(partial, path)
    except OSError as error:
        raise InputError(
            f'cannot write {path} ({error.strerror or error}); what was there before is untouched'
        ) from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink()


def write_bytes(content: bytes, path: str | os.PathLike) -> None:
    """Write a binary file, whole or not at all, also after a loss of power."""
    with atomic_write(path) as partial, open(partial, 'wb') as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def write_image(image: np.ndarray, path: str | os.PathLike, quality: int = 95) -> None:
    """Write a picture (H, W, 3), BGR, whole or not at all; ``quality`` is of JPEG.

    Raises:
        InputError: it cannot be written, or its name is not one of a picture.
    """
    try:
        # OpenCV's own writing says nothing of a full disk.
        content = cv2.imencode(Path(path).suffix, image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    except cv2.error as error:
        raise InputError(f'{path} is no name of a picture; let it end in .jpg or .png') from error
    write_bytes(content.tobytes(), path)


def write_text(text: str, path: str | os.PathLike) -> None:
    """Write a text file, whole or not at all."""
    write_bytes(text.encode(), path)


def write_json(content, path: str | os.PathLike) -> None:
    """Write a JSON file, whole or not at all."""
    write_text(json.dumps(content), path)


def read_json(path: str):
    """The content of a JSON file.

    Raises:
        InputError: it is missing or not JSON.
    """
    try:
        with open(path, encoding='utf-8-sig') as file:  # Windows writes a byte order mark
            return json.load(file)
    except OSError as error:
        raise InputError(f'cannot read {path} ({error.strerror}); check the path') from error
    except ValueError as error:
        raise InputError(f'{path} is not JSON ({error})') from error
