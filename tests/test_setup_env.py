"""The set-up script with a python that only pretends to install."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PRETENDER = """#!/usr/bin/env bash
echo "$*" >> "$PRETENDER_LOG"
case "$*" in
    *"$PRETENDER_FAILS"*) exit 1 ;;
    "-m venv "*) mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
    --version) echo "Python 3.11.0" ;;
esac
"""


@pytest.fixture
def setup(tmp_path):
    """A function that runs the script; the first call containing ``fails`` exits with 1."""
    python = tmp_path / 'python'
    python.write_text(PRETENDER)
    python.chmod(0o755)

    def call(fails='nothing does'):
        log = tmp_path / 'log'
        log.write_text('')
        done = subprocess.run(
            ['bash', 'tools/setup_env.sh', python, tmp_path / 'venv'],
            cwd=ROOT,
            env=os.environ | dict(PRETENDER_LOG=str(log), PRETENDER_FAILS=fails),
            capture_output=True,
            text=True,
        )
        return done, log.read_text()

    call.venv = tmp_path / 'venv'
    return call


def test_the_mark_is_written_last(setup):
    done, log = setup()
    assert done.returncode == 0, done.stderr
    assert (setup.venv / '.complete').exists()
    installs = [line for line in log.splitlines() if 'pip' in line and 'install' in line]
    steps = ('build.txt', 'compiled.txt', 'lock.txt', '-e .')
    assert [step in line for step, line in zip(steps, installs, strict=True)] == [True] * 4
    assert 'takes 2 to 5 minutes' in done.stdout


@pytest.mark.parametrize('step', ['build.txt', 'compiled.txt', 'lock.txt', '-e .', '-m venv'])
def test_a_half_finished_environment_is_built_anew(setup, step):
    done, _ = setup(fails=step)
    assert done.returncode != 0 and not (setup.venv / '.complete').exists()
    leftover = setup.venv / 'leftover'
    leftover.parent.mkdir(exist_ok=True)
    leftover.write_text('')
    assert setup()[0].returncode == 0
    assert (setup.venv / '.complete').exists() and not leftover.exists()


def test_an_environment_is_not_built_with_its_own_python(tmp_path):
    """The line of the scripts that finds the Python which an environment was made with."""
    venv = tmp_path / 'venv'
    subprocess.run([sys.executable, '-m', 'venv', '--without-pip', venv], check=True)
    for script in ('tools/setup_env.sh', 'tools/dev/setup_forks.sh'):
        (line,) = (n for n in (ROOT / script).read_text().splitlines() if 'realpath' in n)
        command = f'python={venv}/bin/python; {line}; echo $python'
        found = subprocess.run(['bash', '-c', command], capture_output=True, text=True).stdout
        assert found.strip() and not found.startswith(str(venv)), script


def test_compiled_packages_that_do_not_import_are_built_without_the_cache(setup):
    done, log = setup(fails='import cv2')
    assert 'building them anew' in done.stdout and '--no-cache-dir' in log
    assert done.returncode != 0 and not (setup.venv / '.complete').exists()


@pytest.mark.parametrize(
    ('check', 'words'),
    [
        ('sys.version_info', 'is not Python 3.10, 3.11 or 3.12'),
        ('ensurepip', 'apt-get install python3-venv'),
        ('Python.h', 'apt-get install python3-dev'),
    ],
)
def test_what_the_machine_lacks_is_named(setup, check, words):
    done, _ = setup(fails=check)
    assert done.returncode == 1 and words in done.stderr
    assert not setup.venv.exists()


def test_a_second_make_env_does_nothing():
    if not (ROOT / '.venv/.complete').exists():
        pytest.skip('no .venv here: the tests run in an environment of their own')
    assert subprocess.run(['make', '-q', 'env'], cwd=ROOT).returncode == 0


@pytest.mark.parametrize('compiles', [True, False])
def test_headers_are_compiled_once(tmp_path, compiles):
    """With the options of the files; if they cannot be, the files are compiled as usual."""
    compiler = tmp_path / 'compiler'
    compiler.write_text(
        '#!/usr/bin/env bash\n'
        'echo "$*" >> "$LOG"\n'
        f'[[ "$*" != *c++-header* ]] || {"touch ${@: -1}" if compiles else "exit 1"}\n'
    )
    compiler.chmod(0o755)
    log, headers = tmp_path / 'log', tmp_path / 'headers'
    headers.mkdir()
    environment = dict(TORCH_PCH_CXX=str(compiler), TORCH_PCH_DIR=str(headers), LOG=str(log))
    options = '-MMD -MF a.d -O2 -Ix -c -c a.cpp -o a.o -DTORCH_EXTENSION_NAME=_ext'
    for arguments in (options, options, '--version', 'a.o -shared -o _ext.so'):
        command = ['bash', 'tools/torch_pch.sh', *arguments.split()]
        subprocess.run(command, cwd=ROOT, env=os.environ | environment, check=True)
    header = headers / 'torch_headers.h'
    assert log.read_text().splitlines() == [
        f'-O2 -Ix -DTORCH_EXTENSION_NAME=_ext -x c++-header {header}.new -o {header}.gch',
        f'-include {header} {options}',
        f'-include {header} {options}',
        '--version',
        'a.o -shared -o _ext.so',
    ]
    assert header.read_text() == '#include <torch/types.h>\n'
    assert Path(f'{header}.gch').exists() == compiles
