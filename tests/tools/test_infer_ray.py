"""directpose infer on a Ray cluster of two workers: what one process writes, over every kill."""

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest import mock

import psutil
import pytest
from directpose.cli.infer import parse_args
from directpose.utils.errors import INCOMPLETE
from helpers.commands import CONFIG, ROOT, call
from helpers.parts import read_part

ray = pytest.importorskip('ray', reason='needs directpose[ray]')
PART = 5
ENVIRONMENT = {'RAY_USAGE_STATS_ENABLED': '0', 'OMP_NUM_THREADS': '1'}


@pytest.fixture(scope='module')
def cluster():
    """A cluster with room for two models, which commands find."""
    from ray.cluster_utils import Cluster

    with mock.patch.dict(os.environ, ENVIRONMENT):
        there = Cluster(initialize_head=True, head_node_args=dict(num_cpus=2))
        os.environ['RAY_ADDRESS'] = there.address
        yield
        there.shutdown()


@pytest.fixture
def arguments(trained, synthetic_set, tmp_path):
    """Of the command, for 121 images, the last of which is broken."""
    folder = tmp_path / 'images'
    folder.mkdir()
    for number in range(10):
        for image in sorted((synthetic_set / 'images').iterdir()):
            (folder / f'{number}_{image.name}').symlink_to(image)
    (folder / 'broken.jpg').write_bytes(b'no image')
    checkpoint = trained / 'epoch_1.pth'
    options = ['--batch', 1, '--workers', 0, '--part', PART, '--score-thr', 0.0]
    return list(map(str, [ROOT / CONFIG, checkpoint, folder, *options]))


def parts(folder):
    return sorted(folder.rglob('part-*'))


def records(folder):
    """By image; each is there once."""
    found = [record for part in parts(folder) for record in read_part(str(part))]
    by_image = {record['image']: record for record in found}
    assert len(by_image) == len(found)
    return by_image


def wait_until(happened):
    for _ in range(12000):
        if happened():
            return
        time.sleep(0.01)
    raise TimeoutError


def workers():
    """Processes with a model, of the clusters on this machine."""
    processes = psutil.process_iter(['cmdline'])
    return [p for p in processes if 'ray::MapWorker' in ' '.join(p.info['cmdline'] or [])]


@pytest.mark.slow
def test_each_image_once_though_a_worker_is_killed(cluster, arguments, tmp_path):
    out = tmp_path / 'ray'
    with ThreadPoolExecutor() as pool:
        command = ('infer', *arguments, '--out', out, '--format', 'parquet', '--ray')
        running = pool.submit(call, *command)
        wait_until(lambda: parts(out))
        workers()[0].kill()
        done = running.result()
    assert done.returncode == INCOMPLETE, done.stderr
    assert call('infer', *arguments, '--out', tmp_path / 'one').returncode == INCOMPLETE
    assert records(out) == records(tmp_path / 'one') and len(records(out)) == 121


@pytest.mark.slow
def test_a_storage_that_fails(cluster, arguments, tmp_path, monkeypatch):
    """What comes from another process is a sentence here; the part is not written."""
    flaky = Path(arguments[2]) / '0_a.jpg'
    flaky.symlink_to('/proc/self/mem')  # reading it is an EIO
    monkeypatch.chdir(tmp_path)  # which is not where the workers are
    arguments[2] = 'images'
    done = call('infer', *arguments, '--out', tmp_path / 'out', '--ray')
    assert done.returncode == 1 and 'Traceback' not in done.stderr
    assert done.stderr.startswith(f'error: cannot read {flaky} ')
    assert str(flaky) not in records(tmp_path / 'out')


@pytest.mark.slow
def test_the_driver_is_killed(arguments, tmp_path):
    """With its cluster; the second call, with another one, finishes what one process gives."""
    out = tmp_path / 'ray'
    command = [sys.executable, '-m', 'directpose.cli', 'infer', *arguments, '--out', str(out)]
    environment = os.environ | ENVIRONMENT
    with subprocess.Popen([*command, '--ray'], env=environment) as process:
        wait_until(lambda: len(parts(out)) >= 6)
        process.kill()
        for worker in workers():
            worker.kill()
    assert 6 <= len(parts(out)) < 25
    done = subprocess.run([*command, '--ray'], env=environment, stderr=subprocess.PIPE, text=True)
    assert done.returncode == INCOMPLETE, done.stderr
    assert '1 of 121 images could not be read' in done.stderr
    assert call('infer', *arguments, '--out', tmp_path / 'one').returncode == INCOMPLETE
    assert records(out) == records(tmp_path / 'one') and len(records(out)) == 121


def test_models_on_the_cpus_of_a_cluster_with_gpus():
    options = ['CONFIG', 'CHECKPOINT', 'images', '--out', 'out', '--ray', '--num-gpus']
    assert [parse_args([*options, number]).num_gpus for number in ('0', '0.5')] == [0, 0.5]
    with pytest.raises(SystemExit):
        parse_args([*options, '-1'])


def test_no_room(cluster, arguments, tmp_path):
    done = call('infer', *arguments, '--out', tmp_path / 'out', '--ray', '--num-gpus', 1)
    assert done.returncode == 1
    assert 'no machine of the cluster has 1 CPU and 1 GPU; give fewer as --num-cpus' in done.stderr


def test_a_name_that_parquet_cannot_hold(arguments, tmp_path):
    """It is told of, and no part of the list of images is left."""
    (tmp_path / 'images' / b'caf\xe9.jpg'.decode('utf-8', 'surrogateescape')).write_bytes(b'')
    done = call('infer', *arguments, '--out', tmp_path / 'out', '--ray')
    assert done.returncode == 1 and 'is not UTF-8; rename the image' in done.stderr
    assert not list((tmp_path / 'out').iterdir())


def test_no_cluster(arguments, tmp_path, monkeypatch):
    monkeypatch.setenv('RAY_ADDRESS', '127.0.0.1:1')
    monkeypatch.setattr(ray, 'init', mock.Mock(side_effect=ConnectionError('nobody there')))
    done = call('infer', *arguments, '--out', tmp_path / 'out', '--ray')
    assert done.returncode == 1
    assert 'no Ray cluster can be used (nobody there); check RAY_ADDRESS' in done.stderr


def test_without_ray(arguments, tmp_path, monkeypatch):
    monkeypatch.delattr('directpose.apis.ray_cluster', raising=False)
    with mock.patch.dict(sys.modules, {'ray': None, 'directpose.apis.ray_cluster': None}):
        done = call('infer', *arguments, '--out', tmp_path / 'out', '--ray')
    assert done.returncode == 1 and 'pip install "directpose[ray]", on all machines' in done.stderr
