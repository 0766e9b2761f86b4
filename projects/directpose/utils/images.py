"""Checks that image files exist and are complete."""

import concurrent.futures
import contextlib
import errno
import os
from collections.abc import Iterator

from PIL import Image
from tqdm import tqdm

from .errors import InputError, StorageError

# What ends a whole image file, but for what some cameras append to it.
_TAIL = 4096
# Errors of a name under which there is no file for us, now and later.
_NO_FILE = {errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EACCES, errno.EPERM}
_NO_FILE |= {errno.ENAMETOOLONG, errno.ELOOP}
_LAST_BYTES = {b'\xff\xd8': b'\xff\xd9', b'\x89P': b'IEND\xaeB`\x82'}


def check_images(paths: list[str]) -> None:
    """Check that the image files are there and whole, by their first and last bytes.

    Raises:
        InputError: naming the first broken file and how many there are.
        StorageError: one cannot be read now.
    """
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        results = pool.map(image_problem, paths)
        slow = len(paths) > 10000
        problems = list(tqdm(results, 'checking images', len(paths), disable=not slow))
    broken = [f'{path} {problem}' for path, problem in zip(paths, problems, strict=True) if problem]
    if broken:
        raise InputError(
            f'{len(broken)} of {len(paths)} images cannot be used, the first: {broken[0]}; '
            'restore them or remove them from the annotations'
        )


def image_problem(path: str) -> str | None:
    """What is wrong with an image file, as far as can be told without decoding all of it.

    Raises:
        StorageError: it cannot be read now.
    """
    if '\0' in path:
        return 'is no name that a file can have'
    try:
        with classify_io_errors(path), open(path, 'rb') as file:
            first = file.read(2)
            file.seek(max(os.fstat(file.fileno()).st_size - _TAIL, 0))
            last = file.read()
    except OSError as error:
        return f'cannot be read ({error.strerror})'
    if not first:
        return 'is empty'
    if _LAST_BYTES.get(first, b'') not in last and not decodes(path):
        return 'is truncated'
    return None


def decodes(path: str) -> bool:
    """Whether Pillow, which unlike OpenCV refuses truncated files, decodes an image.

    Raises:
        StorageError: it cannot be read now.
    """
    try:
        with classify_io_errors(path), Image.open(path) as image:
            image.load()
    except StorageError:
        raise
    except Exception:  # of a broken PNG it is a SyntaxError
        return False
    return True


@contextlib.contextmanager
def classify_io_errors(path: str) -> Iterator[None]:
    """Tell a storage that fails from a file that is not there or broken.

    Raises:
        StorageError: it fails.
    """
    try:
        yield
    except OSError as error:
        # Pillow's own errors have no number.
        if error.errno is None or error.errno in _NO_FILE:
            raise
        raise StorageError(
            f'cannot read {path} ({error.strerror}): call again when its storage works'
        ) from error
