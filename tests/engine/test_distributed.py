"""Several processes do what one does."""

import json
import os
import socket
import subprocess
import sys
from types import SimpleNamespace
from unittest import mock

import pytest
import torch
from directpose.engine import dist as processes
from directpose.utils.errors import InputError
from helpers import distributed_steps
from helpers.commands import CONFIG, ROOT, call, data_options, run

TORCHRUN = [sys.executable, '-W', 'ignore', '-m', 'torch.distributed.run', '--nproc_per_node', '2']


def free_port():
    """A port that nobody listens at."""
    with socket.socket() as found:
        found.bind(('127.0.0.1', 0))
        return found.getsockname()[1]


def shell(script, *args, path=(), **variables):
    """Run one of our shell scripts."""
    env = {**os.environ, 'PYTHON': sys.executable, 'OMP_NUM_THREADS': '1'}
    env['PATH'] = os.pathsep.join([*map(str, path), env['PATH']])
    env |= {'PORT': str(free_port()), 'PYTHONWARNINGS': 'ignore'} | variables
    return run('bash', f'tools/{script}', *args, env=env)


@pytest.fixture(scope='module')
def two_processes(tmp_path_factory):
    """Losses and gradients of the batches of distributed_steps.py in two processes."""
    out = tmp_path_factory.mktemp('steps')
    script = ['-m', 'helpers.distributed_steps']
    command = [*TORCHRUN, '--master_port', free_port(), *script, out]
    env = os.environ | {'OMP_NUM_THREADS': '1', 'PYTHONPATH': str(ROOT / 'tests')}
    done = run(*command, env=env)
    assert done.returncode == 0, done.stderr[-3000:]
    return [torch.load(out / f'{rank}.pt') for rank in (0, 1)]


@pytest.mark.parametrize('batch', distributed_steps.BATCHES)
def test_two_processes_are_one_with_both_batches(two_processes, batch):
    """The mean of the losses and every gradient; nobody hangs, whoever has no people."""
    losses, gradients = distributed_steps.step(
        distributed_steps.build_model(), *distributed_steps.make_batch(batch)
    )
    (first, grads), (second, others) = (results[batch] for results in two_processes)
    assert losses.keys() == first.keys()
    for name, value in losses.items():
        torch.testing.assert_close((first[name] + second[name]) / 2, value, rtol=1e-5, atol=1e-6)
    largest = max(gradient.abs().max().item() for gradient in gradients.values())
    assert largest > 0.1
    for name, gradient in gradients.items():
        torch.testing.assert_close(grads[name], others[name], rtol=0, atol=0)
        torch.testing.assert_close(grads[name], gradient, rtol=0, atol=1e-5 * largest)


def test_a_process_without_regions_takes_part_in_the_normalisation(two_processes):
    """Keypoint R-CNN with statistics over both processes, one of which has nobody: no deadlock."""
    (first, grads), (second, _) = (results['keypoint_rcnn'] for results in two_processes)
    assert first['loss_keypoint'] > 0 and second['loss_keypoint'] == 0
    name = 'detector.roi_head.keypoint_head.contexts.0.norm1.weight'
    assert grads[name].abs().max() > 0
    # and where nobody is in any image
    (first, grads), (second, _) = (results['keypoint_rcnn_nobody'] for results in two_processes)
    assert first['loss_keypoint'] == second['loss_keypoint'] == 0
    assert all(torch.isfinite(g).all() for g in grads.values() if g is not None)


def test_training_with_two_processes(synthetic_set, tmp_path):
    options = [*data_options(synthetic_set), 'train_dataloader.batch_size=2']
    done = shell(
        'dist_train.sh',
        CONFIG,
        2,
        '--work-dir',
        tmp_path,
        '--cfg-options',
        *options,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert (tmp_path / 'epoch_1.pth').exists()
    assert '[2/2]' in done.stdout + done.stderr  # of 8 images in 2 processes of 2


def test_an_odd_set_is_evaluated_whole_and_once(trained, synthetic_set, tmp_path):
    """3 images in 2 processes: the same results and metrics as in one."""
    coco = json.loads((synthetic_set / 'annotations/val.json').read_text())
    coco['images'] = coco['images'][:3]
    ids = {image['id'] for image in coco['images']}
    coco['annotations'] = [a for a in coco['annotations'] if a['image_id'] in ids]
    (tmp_path / 'odd.json').write_text(json.dumps(coco))

    def arguments(name):
        return [
            *('--work-dir', tmp_path / name, '--out', tmp_path / f'{name}.json', '--cfg-options'),
            *data_options(synthetic_set),
            f'test_dataloader.dataset.ann_file={tmp_path}/odd.json',
            f'test_evaluator.ann_file={tmp_path}/odd.json',
            f'test_evaluator.outfile_prefix={tmp_path}/{name}',
            'model.test_cfg.score_thr=0.0',
        ]

    checkpoint = trained / 'epoch_1.pth'
    done = shell('dist_test.sh', CONFIG, checkpoint, 2, *arguments('two'))
    assert done.returncode == 0, done.stderr[-3000:]
    assert call('test', CONFIG, checkpoint, *arguments('one')).returncode == 0
    one, two = (json.loads((tmp_path / f'{n}.keypoints.json').read_text()) for n in ('one', 'two'))
    assert len(one) == len(two) and {r['image_id'] for r in two} == ids
    for result, other in zip(one, two, strict=True):
        assert result['image_id'] == other['image_id']
        torch.testing.assert_close(result['keypoints'], other['keypoints'], rtol=0, atol=1e-3)
    one, two = (json.loads((tmp_path / f'{n}.json').read_text()) for n in ('one', 'two'))
    assert one == pytest.approx(two)


def test_only_the_first_process_checks():
    """The others wait for it, and end with it."""
    calls = []

    def check(value):
        calls.append(value)
        if value == 'bad':
            raise InputError('it is bad')

    sent = []
    with (
        mock.patch.object(processes, 'is_main_process', lambda: True),
        mock.patch.object(processes, 'broadcast_object_list', lambda x, group: sent.extend(x)),
    ):
        processes.run_on_rank0(check, 'good')
        with pytest.raises(InputError, match='bad'):
            processes.run_on_rank0(check, 'bad')
    assert sent == [False, True] and calls == ['good', 'bad']

    def receive(failed, group):
        failed[0] = sent.pop(0)

    with (
        mock.patch.object(processes, 'is_main_process', lambda: False),
        mock.patch.object(processes, 'broadcast_object_list', receive),
    ):
        processes.run_on_rank0(check, 'good')
        with pytest.raises(SystemExit) as end:
            processes.run_on_rank0(check, 'bad')
    assert end.value.code == 1 and len(calls) == 2


@pytest.fixture
def echo(tmp_path):
    """A folder with an ``srun`` that prints its arguments."""
    (tmp_path / 'srun').write_text('#!/bin/sh\necho srun "$@"\n')
    (tmp_path / 'srun').chmod(0o755)
    return tmp_path


def test_slurm_commands(echo):
    train = shell('slurm_train.sh', 'gpu', 'job', 'C.py', 'W', '--amp', path=[echo], GPUS='16')
    assert train.stdout.strip() == (
        'srun -p gpu --job-name job --ntasks 16 --ntasks-per-node 8 --gres gpu:8 '
        f'--cpus-per-task 5 --kill-on-bad-exit=1 {sys.executable} -u tools/train.py C.py '
        '--work-dir W --launcher slurm --amp'
    )
    test = shell('slurm_test.sh', 'gpu', 'job', 'C.py', 'X.pth', path=[echo], GPUS='2')
    assert '--ntasks 2 --ntasks-per-node 2 --gres gpu:2' in test.stdout
    assert test.stdout.strip().endswith('tools/test.py C.py X.pth --launcher slurm')


def test_several_machines():
    done = shell('dist_train.sh', 'C.py', 8, PYTHON='echo', NNODES='2', NODE_RANK='1', PORT='7')
    assert '--nnodes 2 --node_rank 1 --master_addr 127.0.0.1 --master_port 7' in done.stdout


@pytest.mark.parametrize(
    'script', ['dist_train.sh', 'dist_test.sh', 'slurm_train.sh', 'slurm_test.sh']
)
def test_missing_arguments(script):
    done = shell(script, 'C.py')
    assert done.returncode == 2 and done.stderr.startswith('error: give a ')
    assert subprocess.run(['bash', '-n', ROOT / 'tools' / script], check=False).returncode == 0


def test_one_process_starts_nothing():
    with mock.patch.object(processes, 'init_dist') as init:
        processes.start_processes(SimpleNamespace(launcher='none'))
    assert not init.called


def test_what_torchrun_has_not_started_is_told(monkeypatch):
    monkeypatch.delenv('RANK', raising=False)
    with (
        mock.patch.object(processes, 'get_device', return_value='cpu'),
        pytest.raises(InputError, match='is for torchrun: use tools'),
    ):
        processes.start_processes(SimpleNamespace(launcher='pytorch', env_cfg={}))


def test_the_flexible_runner_trains_alike(synthetic_set, tmp_path):
    """mmengine's other runner, by which FSDP is used."""
    options = [*data_options(synthetic_set), 'randomness.seed=0', 'train_cfg.val_interval=9']
    trained = []
    for name, runner in (('plain', []), ('flexible', ['runner_type=FlexibleRunner'])):
        arguments = ['--work-dir', tmp_path / name, '--cfg-options', *options, *runner]
        done = call('train', CONFIG, *arguments)
        assert done.returncode == 0, done.stderr
        trained.append(torch.load(tmp_path / name / 'epoch_1.pth', weights_only=True)['state_dict'])
    plain, flexible = trained
    assert all(torch.equal(value, flexible[name]) for name, value in plain.items())
