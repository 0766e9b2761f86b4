"""Lists of images: folders, text files and Parquet, on disks and in buckets."""

import contextlib
import hashlib
import io
import itertools
from collections.abc import Iterable, Iterator

from ..utils.errors import InputError
from ..utils.images import IMAGE_SUFFIXES
from ..utils.storage import filesystem_of, is_folder, is_remote, open_remote
from .inference import files_in


def list_images(source: str) -> Iterator[str]:
    """Paths of the images of a folder, in order, or of a list: text, one a line, or Parquet.

    A list of hundreds of millions never lies in the memory as a whole.

    Args:
        source: a folder or a file, on a disk or in a bucket; a Parquet file has the paths in its
            column ``image``, or in its only one.

    Raises:
        InputError: there are none, or they cannot be read.
    """
    try:
        if is_folder(source):
            images = iter(files_in(source, IMAGE_SUFFIXES))
        elif source.endswith('.parquet'):
            images = _read_column(source)
        else:
            images = _read_lines(source)
        first = next(images, None)
        if first is None:
            raise InputError(f'{source} holds no images: give a folder, or a list of paths')
        yield from itertools.chain([first], images)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f'cannot read the image list {source} ({error})') from error


def _read_lines(source: str) -> Iterator[str]:
    with contextlib.ExitStack() as stack:
        if is_remote(source):
            file = stack.enter_context(open_remote(source))
            lines: Iterable[str] = io.TextIOWrapper(file, encoding='utf-8-sig')
        else:
            lines = stack.enter_context(open(source, encoding='utf-8-sig'))
        yield from filter(None, map(str.strip, lines))


def _read_column(source: str) -> Iterator[str]:
    filesystem, name = filesystem_of(source)  # which says what to install
    from pyarrow import ArrowInvalid, parquet, types

    try:
        file = parquet.ParquetFile(name, filesystem=filesystem)
        names = file.schema_arrow.names
        column = names[0] if len(names) == 1 else 'image'
        if column not in names:
            raise InputError(
                f'{source} has the columns {", ".join(names)}; name the one with the paths image'
            )
        kind = file.schema_arrow.field(column).type
        texts = kind.value_type if types.is_dictionary(kind) else kind
        if not (types.is_string(texts) or types.is_large_string(texts)):
            raise InputError(f'column {column} of {source} has {kind}, not paths')
        for batch in file.iter_batches(columns=[column]):
            yield from filter(None, batch.column(0).to_pylist())
    except ArrowInvalid as error:
        raise InputError(f'{source} is not Parquet ({error})') from error


def fingerprint(images: Iterable[str]) -> str:
    """Hash of a list of images."""
    digest = hashlib.sha256()
    for image in images:
        digest.update(image.encode('utf-8', 'surrogateescape') + b'\n')
    return digest.hexdigest()
