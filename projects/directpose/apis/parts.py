"""The output of ``directpose infer``: parts of many images each, whole or not at all."""

import io
import json
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from ..utils.errors import InputError
from ..utils.storage import exists, read_bytes, write_bytes


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
        records = read_part(part)
    else:
        records = list(predict(paths))
        write_bytes(WRITERS[part.rpartition('.')[2]](records), part)
    return Done(len(paths), [record['error'] for record in records if 'error' in record])


def read_part(part: str) -> list[dict]:
    """The records of a part."""
    content = read_bytes(part)
    if part.endswith('.jsonl'):
        return [json.loads(line) for line in content.splitlines()]
    from pyarrow import parquet

    rows = parquet.read_table(io.BytesIO(content)).to_pylist()
    return [{name: value for name, value in row.items() if value is not None} for row in rows]


def json_lines(records: list[dict]) -> bytes:
    """A line of JSON for each record."""
    return ''.join(json.dumps(record) + '\n' for record in records).encode()


def parquet_table(records: list[dict]) -> bytes:
    """A Parquet file of records; what a record does not have is null.

    Raises:
        InputError: pyarrow is not installed.
    """
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError as error:
        raise InputError('Parquet needs pyarrow; pip install "directpose[ray]"') from error
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
    parquet.write_table(pa.Table.from_pylist(records, pa.schema(columns)), file)
    return file.getvalue()


WRITERS = dict(jsonl=json_lines, parquet=parquet_table)


def is_begun(job: dict[str, Any], folder: str) -> bool:
    """Whether a folder is of a job.

    Args:
        job: what its parts depend on.
        folder: of the parts.

    Raises:
        InputError: it is of another job.
    """
    path = f'{folder}/job.json'
    if not exists(path):
        return False
    kept = json.loads(read_bytes(path))
    different = [name for name in job if kept.get(name) != job[name]]
    if different:
        raise InputError(
            f'{folder} is of a job with other {", ".join(different)}; remove it, or give another '
            '--out'
        )
    return True


def begin(job: dict[str, Any], folder: str) -> None:
    """Leave in a folder what its parts will be made with."""
    write_bytes(json.dumps(job).encode(), f'{folder}/job.json')
