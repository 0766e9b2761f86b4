"""Reading what ``directpose infer`` writes."""

import io
import json

from directpose.utils.storage import read_bytes


def read_part(path: str) -> list[dict]:
    """The records of a part, in JSON lines or Parquet."""
    content = read_bytes(path)
    if path.endswith('.jsonl'):
        return [json.loads(line) for line in content.splitlines()]
    from pyarrow import parquet

    rows = parquet.read_table(io.BytesIO(content)).to_pylist()
    return [{name: value for name, value in row.items() if value is not None} for row in rows]
