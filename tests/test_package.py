"""The built package: what is in the wheel and the sdist, and the command in another environment."""

import subprocess
import sys
import tarfile
import zipfile

import pytest
from helpers.commands import ROOT


@pytest.fixture(scope='module')
def built(tmp_path_factory):
    """A wheel, and the sdist that it was made of."""
    out = tmp_path_factory.mktemp('dist')
    script = (
        'import os, sys; from setuptools import build_meta as b; out = sys.argv[1];'
        'print(b.build_sdist(out), b.build_wheel(out))'
    )
    source = out / 'source'
    subprocess.run(['git', 'clone', '-q', ROOT, source], check=True)
    done = subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', script, out],
        cwd=source,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    sdist, wheel = done.stdout.split()[-2:]
    return out / sdist, out / wheel


def test_configs_and_metafiles_are_inside(built):
    with tarfile.open(built[0]) as sdist, zipfile.ZipFile(built[1]) as wheel:
        inside = set(wheel.namelist())
        packed = {name.partition('/')[2] for name in sdist.getnames()}
    tracked = subprocess.run(
        ['git', 'ls-files', 'configs', 'projects'],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    configs = {f for f in tracked if f.startswith('configs/') and f.endswith(('.py', '.yml'))}
    assert len(configs) > 50
    assert {f'directpose/.mim/{file}' for file in configs} <= inside
    assert 'directpose/.mim/model-index.yml' in inside and 'directpose/py.typed' in inside
    modules = {
        file.removeprefix('projects/')
        for file in tracked
        if file.startswith('projects/') and file.endswith('.py')
    }
    assert modules <= inside
    assert {f'projects/{module}' for module in modules} <= packed and 'README.md' in packed
    assert not [name for name in inside if name.startswith(('tests', 'tools'))]


def test_the_command_in_another_environment(built, tmp_path):
    """Beside the stack of this one, which has the package from the clone."""
    folder = tmp_path / 'installed'
    pip = [sys.executable, '-m', 'pip', 'install', '-q', '--no-deps', '--no-index']
    subprocess.run([*pip, '--target', folder, built[1]], check=True)
    command = [sys.executable, '-W', 'ignore', folder / 'bin/directpose']
    environment = dict(PYTHONPATH=str(folder), HOME=str(tmp_path), PATH='/usr/bin:/bin')
    done = subprocess.run(
        [*command, 'models'], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert 'keypoint-rcnn (default)' in done.stdout and str(tmp_path) in done.stdout
    (tmp_path / 'photo.jpg').write_bytes(b'')
    done = subprocess.run(
        [*command, 'demo', 'photo.jpg', '--offline'],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1 and 'put the file there by hand' in done.stderr, done.stderr
