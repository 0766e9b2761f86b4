"""Files are whole or not there."""

import pytest
from directpose.utils.errors import InputError
from directpose.utils.io import atomic_write, write_json


def test_old_file_stays_if_writing_fails(tmp_path):
    path = tmp_path / 'results.json'
    write_json([1], path)
    with (
        pytest.raises(InputError, match=r'results.json \(No space left .* untouched'),
        atomic_write(path) as partial,
    ):
        with open(partial, 'w') as file:
            file.write('half')
        raise OSError(28, 'No space left on device')
    assert path.read_text() == '[1]'
    assert list(tmp_path.iterdir()) == [path]
