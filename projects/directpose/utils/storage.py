"""Files on local disks and in buckets (``s3://``, ``gs://``), by one name.

Buckets are read through :mod:`pyarrow`, which comes with ``directpose[ray]`` and knows the
credentials and addresses of the machine, for example ``AWS_ENDPOINT_URL``.
"""

import errno
import functools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .errors import InputError, StorageError
from .io import write_bytes as write_local


def is_remote(path: str) -> bool:
    """Whether a name is that of a file in a bucket."""
    return '://' in path


def filesystem_of(path: str) -> tuple[Any, str]:
    """A ``pyarrow.fs.FileSystem`` and the name of a file there.

    Raises:
        InputError: pyarrow is not installed, or does not know such buckets.
    """
    if not is_remote(path):
        return _open_bucket('file:///')[0], os.path.abspath(path)
    scheme, _, rest = path.partition('://')
    bucket, _, name = rest.partition('/')
    filesystem, root = _open_bucket(f'{scheme}://{bucket}')
    return filesystem, f'{root.rstrip("/")}/{name}'.rstrip('/')


@functools.lru_cache
def _open_bucket(uri: str) -> tuple[Any, str]:
    """The file system of a bucket, and the name of the bucket there."""
    try:
        from pyarrow import ArrowInvalid
        from pyarrow.fs import FileSystem
    except ImportError as error:
        raise InputError(
            f'{uri} cannot be opened without pyarrow; pip install "directpose[ray]"'
        ) from error
    try:
        return FileSystem.from_uri(uri)
    except (ArrowInvalid, OSError) as error:
        raise InputError(f'{uri} cannot be opened ({error}); check the name') from error


def read_bytes(path: str) -> bytes:
    """The content of a file.

    Raises:
        OSError: it is not there, or cannot be read now.
        InputError: there is no way to its bucket.
    """
    if not is_remote(path):
        with open(path, 'rb') as file:
            return file.read()
    with open_remote(path) as stream:
        return stream.read()


def open_remote(path: str) -> Any:
    """A stream of the bytes of a file in a bucket.

    Raises:
        OSError: it is not there, or cannot be read now.
        InputError: there is no way to its bucket.
    """
    filesystem, name = filesystem_of(path)
    try:
        return filesystem.open_input_stream(name)
    except ValueError as error:  # of pyarrow, for a name that no file can have
        raise FileNotFoundError(errno.ENOENT, str(error)) from error


def write_bytes(content: bytes, path: str) -> None:
    """Write a file, whole or not at all.

    Raises:
        InputError: it cannot be written.
    """
    if not is_remote(path):
        return write_local(content, path)
    filesystem, name = filesystem_of(path)
    try:
        with filesystem.open_output_stream(name) as stream:
            stream.write(content)
    except OSError as error:
        raise InputError(f'cannot write {path} ({error}); check the bucket') from error


def make_remote_folder(path: str) -> None:
    """Make a folder in a bucket, and check that files can be written there.

    Raises:
        OSError: it cannot be made, or they cannot.
    """
    filesystem, name = filesystem_of(path)
    filesystem.create_dir(name)
    with filesystem.open_output_stream(f'{name}/.writable') as stream:
        stream.write(b'yes')
    filesystem.delete_file(f'{name}/.writable')


def exists(path: str) -> bool:
    """Whether there is a file, folder or link of that name.

    Raises:
        StorageError: that cannot be told now.
    """
    return os.path.lexists(path) if not is_remote(path) else _kind(path) != 'NotFound'


def is_folder(path: str) -> bool:
    """Whether there is a folder of that name, or files in a bucket that begin with it.

    Raises:
        StorageError: that cannot be told now.
    """
    return os.path.isdir(path) if not is_remote(path) else _kind(path) == 'Directory'


def _kind(path: str) -> str:
    filesystem, name = filesystem_of(path)
    try:
        return filesystem.get_file_info(name).type.name
    except ValueError:  # of pyarrow, for a name that no file can have
        return 'NotFound'
    except OSError as error:
        raise StorageError(
            f'cannot look for {path} ({error}): call again when its storage works'
        ) from error


def _refuse_folder(error: OSError) -> None:
    if isinstance(error, FileNotFoundError):
        return  # there are no files in it
    raise InputError(
        f'cannot read the folder {error.filename} ({error.strerror}); make it readable or give '
        'folders without it'
    ) from error


def _walk_local(folder: str) -> Iterator[str]:
    """Files of a folder, then of folders that its links lead to; each folder once."""
    root, seen, tops = Path(folder).resolve(), set(), [Path(folder)]
    for top in tops:
        for parent, folders, names in os.walk(top, onerror=_refuse_folder):
            real = Path(parent).resolve()
            if real in seen or (top is not tops[0] and real in root.parents):
                folders.clear()
                continue
            seen.add(real)
            folders.sort()
            tops += [path for path in (Path(parent, name) for name in folders) if path.is_symlink()]
            yield from (str(Path(parent, name)) for name in names)


def walk(folder: str) -> Iterator[str]:
    """Names of the files in a folder and its subfolders, in order.

    Raises:
        InputError: one of the folders cannot be read.
    """
    if not is_remote(folder):
        yield from sorted(_walk_local(folder))
        return
    from pyarrow.fs import FileSelector

    filesystem, name = filesystem_of(folder)
    found = filesystem.get_file_info(FileSelector(name, recursive=True))
    names = (info.path[len(name) :].lstrip('/') for info in found)
    yield from sorted(f'{folder.rstrip("/")}/{found}' for found in names)
