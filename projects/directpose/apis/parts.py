"""The output of ``directpose infer``: parts of many images each, whole or not at all."""

import importlib
import io
import json
import os.path as osp
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from ..utils.errors import InputError
from ..utils.images import classify_io_errors
from ..utils.storage import exists, read_bytes, walk, write_bytes


class Done(NamedTuple):
    """How many images a part has, and what is wrong with those that could not be read."""

    images: int
    errors: list[str]


def finish_part(
    predict: Callable[[list[str]], Iterable[dict]], paths: list[str], part: str
) -> Done:
    """Write the records of a part's images, unless they are there.

    Args:
        predict: a :class:`Predictor`.
        paths: of the images.
        part: name of the file, .jsonl or .parquet.

    Raises:
        InputError: see :class:`Predictor`; or the part cannot be written.
    """
    if exists(part):
        return Done(len(paths), errors_of(part))
    records = list(predict(paths))
    write_bytes(WRITERS[suffix_of(part)](records), part)
    return Done(len(paths), [record['error'] for record in records if 'error' in record])


def suffix_of(part: str) -> str:
    """``jsonl`` or ``parquet``."""
    return part.rpartition('.')[2]


def errors_of(part: str) -> list[str]:
    """What is wrong with the images of a part that could not be read.

    Raises:
        StorageError: the part cannot be read now.
    """
    with classify_io_errors(part):
        content = read_bytes(part)
    if suffix_of(part) == 'parquet':
        column = pyarrow_parquet().read_table(io.BytesIO(content), columns=['error'])['error']
        return column.drop_null().to_pylist()
    lines = [line for line in content.splitlines() if b'"error": ' in line]
    return [record['error'] for record in map(json.loads, lines) if 'error' in record]


def pyarrow_parquet() -> Any:
    """``pyarrow.parquet``.

    Raises:
        InputError: it is not installed.
    """
    try:
        return importlib.import_module('pyarrow.parquet')
    except ImportError as error:
        raise InputError(
            f'Parquet needs pyarrow ({error}); pip install "directpose[ray]"'
        ) from error


def json_lines(records: list[dict]) -> bytes:
    """A line of JSON for each record."""
    return ''.join(json.dumps(record) + '\n' for record in records).encode()


def parquet_table(records: list[dict]) -> bytes:
    """A Parquet file of records; what a record does not have is null.

    Raises:
        InputError: a name is not UTF-8.
    """
    parquet, pa = pyarrow_parquet(), importlib.import_module('pyarrow')
    numbers = pa.list_(pa.float64())
    person = dict(category_id=pa.int64(), keypoints=numbers, bbox=numbers, score=pa.float64())
    columns = dict(
        image=pa.string(),
        width=pa.int64(),
        height=pa.int64(),
        people=pa.list_(pa.struct(person)),
        error=pa.string(),
    )
    file = io.BytesIO()
    try:
        parquet.write_table(pa.Table.from_pylist(records, pa.schema(columns)), file)
    except UnicodeEncodeError as error:
        raise InputError(
            f'{error.object!r} is not UTF-8, which Parquet needs; rename the image, or take '
            '--format jsonl'
        ) from error
    return file.getvalue()


WRITERS = dict(jsonl=json_lines, parquet=parquet_table)


def is_begun(job: dict[str, Any], folder: str) -> bool:
    """Whether a folder is of a job already.

    Args:
        job: what its parts depend on.
        folder: of the parts.

    Raises:
        InputError: it holds parts of another job.
    """
    path = f'{folder}/job.json'
    if not exists(path):
        return False
    kept = json.loads(read_bytes(path))
    if not isinstance(kept, dict):
        raise InputError(f'{path} is of something else; give another --out')
    different = [name for name in job if kept.get(name) != job[name]]
    if different and any(osp.basename(path).startswith('part-') for path in walk(folder)):
        raise InputError(
            f'{folder} is of a job with other {", ".join(different)}; remove it, or give another '
            '--out'
        )
    return not different


def begin(job: dict[str, Any], folder: str) -> None:
    """Leave in a folder what its parts will be made with."""
    write_bytes(json.dumps(job).encode(), f'{folder}/job.json')
