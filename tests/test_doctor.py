"""directpose doctor, also where things do not import."""

import os
import subprocess
import sys

import pytest
from helpers.commands import ROOT


def doctor(folder, *args):
    """The command in a process whose first place for modules is a folder."""
    path = os.pathsep.join([str(folder), str(ROOT / 'projects')])
    return subprocess.run(
        [sys.executable, '-W', 'ignore', str(ROOT / 'projects/directpose_command.py'), *args],
        env=os.environ | dict(PYTHONPATH=path),
        capture_output=True,
        text=True,
    )


def test_all_is_well(tmp_path):
    done = doctor(tmp_path, 'doctor')
    assert done.returncode == 0, done.stdout + done.stderr
    assert 'All is well.' in done.stdout and 'mmcv.ops   compiled' in done.stdout


def test_other_commands_point_to_it(tmp_path):
    (tmp_path / 'torch.py').write_text('raise OSError("no such library")')
    done = doctor(tmp_path, 'models')
    assert done.returncode == 1 and 'Traceback' not in done.stderr
    assert 'directpose doctor tells what is wrong' in done.stderr


@pytest.mark.parametrize(
    ('files', 'faults'),
    [
        (
            {'torch.py': 'raise OSError("no such library")'},
            {'torch does not import: no such library': 'pip install "torch'},
        ),
        (
            {'mmcv.py': 'raise ImportError("undefined")', 'mmpose.py': '__version__ = "0.29"'},
            {
                'mmcv does not import: undefined': 'MMCV_WITH_OPS',
                'mmpose is 0.29; directpose needs': 'pip install "mmpose',
            },
        ),
    ],
)
def test_what_is_broken_is_named_with_what_mends_it(files, faults, tmp_path):
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    done = doctor(tmp_path, 'doctor')
    assert done.returncode == 1 and not done.stderr
    for words, advice in faults.items():
        assert advice in done.stdout.split(words)[1].splitlines()[1]
