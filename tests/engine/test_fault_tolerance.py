"""Full disks, Ctrl-C, losses that are no numbers, and checkpoints with code in them."""

import contextlib
import functools
import os
import pickle
import re
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from unittest import mock

import numpy as np
import pytest
import torch
from directpose.apis.video import VideoWriter
from directpose.engine.checkpoint_hook import (
    BACKEND,
    WholeCheckpointHook,
    check_finite,
    find_last_checkpoint,
    repair_last_checkpoint,
)
from directpose.engine.loss_hook import FiniteLossHook
from directpose.engine.runner import ConsoleRunner, checkpoint_of
from directpose.engine.seed_hook import EpochSeedHook, SeededWorker
from directpose.utils.errors import InputError, exit_on_input_error
from directpose.utils.io import write_image, write_json
from helpers.commands import CONFIG, ROOT, call, data_options, load_tool
from helpers.interrupts import Interrupts
from helpers.subprocess_utils import run_in_child
from mmengine.dataset import DefaultSampler
from mmengine.hooks import CheckpointHook
from mmengine.runner import load_checkpoint
from torch.utils.data import DataLoader

# ---------------------------------------------------------------- a full disk


def with_little_space(function, *args):
    """Call a function that may write 5000 bytes to a file; more fails as on a full disk."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
    try:
        function(*args)
    except InputError as error:
        sys.exit(f'error: {error}')


def write_numbers(path):
    write_json(list(range(10**5)), path)


def write_noise(path):
    write_image(np.random.default_rng(0).integers(0, 255, (200, 300, 3), np.uint8), path)


def write_checkpoint(path):
    load_tool('convert').write_checkpoint({'w': torch.ones(10**6)}, 'source.pth', str(path))


def write_video(path):
    with VideoWriter(str(path), 25) as writer:
        for frame in np.random.default_rng(0).integers(0, 255, (20, 240, 320, 3), np.uint8):
            writer.write(frame)


@pytest.mark.parametrize(
    ('name', 'write'),
    [
        ('results.json', write_numbers),
        ('picture.jpg', write_noise),
        ('checkpoint.pth', write_checkpoint),
        ('video.mp4', write_video),
    ],
)
def test_a_full_disk_leaves_the_old_file(name, write, tmp_path):
    (tmp_path / name).write_bytes(b'old')
    log = tmp_path / 'log'
    assert run_in_child(with_little_space, write, tmp_path / name, log=log) == 1
    assert 'error: cannot write' in log.read_text()
    assert str(tmp_path / name) in log.read_text()
    assert (tmp_path / name).read_bytes() == b'old'
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(['log', name])


def train_with_little_space(arguments, space):
    """tools/train.py on a disk that is full before a checkpoint is written."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (space, space))
    torch.set_num_threads(1)
    sys.argv = ['tools/train.py', *map(str, arguments)]
    load_tool('train').main()


def test_a_full_disk_leaves_the_old_checkpoints(trained, synthetic_set, tmp_path):
    work_dir, log = tmp_path / 'work', tmp_path / 'log'
    shutil.copytree(trained, work_dir)
    before = {path.name: path.read_bytes() for path in work_dir.glob('*.pth')}
    options = [*data_options(synthetic_set), 'train_cfg.max_epochs=2']
    arguments = [CONFIG, '--work-dir', work_dir, '--resume', '--cfg-options', *options]
    assert run_in_child(train_with_little_space, arguments, 10**6, log=log) == 1
    assert {path.name: path.read_bytes() for path in work_dir.glob('*.pth')} == before
    assert 'epoch_1.pth' in before
    lines = log.read_text().splitlines()
    assert lines[-1] == (
        f'error: cannot write {work_dir}/epoch_2.pth (File too large); what was there before is '
        'untouched'
    )
    assert not any(line.startswith('Traceback') for line in lines)


def test_outdated_checkpoints_go_when_their_successors_are_there(trained, synthetic_set, tmp_path):
    work_dir = tmp_path / 'work'
    shutil.copytree(trained, work_dir)
    options = [*data_options(synthetic_set), 'train_cfg.max_epochs=3']
    options += ['default_hooks.checkpoint.max_keep_ckpts=1']
    arguments = ['--work-dir', work_dir, '--resume', '--cfg-options', *options]
    assert call('train', CONFIG, *arguments).returncode == 0
    assert [path.name for path in work_dir.glob('epoch*')] == ['epoch_3.pth']
    assert len(list(work_dir.glob('best*'))) == 1


@pytest.mark.parametrize('note', ['', '{folder}/epoch_7.pth'])
def test_a_last_checkpoint_that_leads_nowhere_is_mended(note, tmp_path):
    last = tmp_path / 'last_checkpoint'
    last.write_text(note.format(folder=tmp_path))
    for number in (9, 10):
        (tmp_path / f'epoch_{number}.pth').touch()
        os.utime(tmp_path / f'epoch_{number}.pth', (number, number))
    expected = str(tmp_path / 'epoch_10.pth')
    assert find_last_checkpoint(tmp_path) == expected != last.read_text()
    repair_last_checkpoint(tmp_path)
    assert last.read_text() == expected
    last.write_text(str(tmp_path / 'epoch_9.pth'))
    repair_last_checkpoint(tmp_path)
    assert find_last_checkpoint(tmp_path) == last.read_text() == str(tmp_path / 'epoch_9.pth')


def test_a_last_checkpoint_that_leads_nowhere_at_all_does_not_begin_anew(tmp_path):
    """Checkpoints may be in another folder, or have another name."""
    assert find_last_checkpoint(tmp_path) is None
    (tmp_path / 'model.pth').touch()
    (tmp_path / 'last_checkpoint').touch()
    runner = SimpleNamespace(_resume=True, _load_from=None, work_dir=str(tmp_path))
    with pytest.raises(InputError, match='last_checkpoint names nothing, which is not there'):
        WholeCheckpointHook(interval=1).before_run(runner)
    assert (tmp_path / 'last_checkpoint').exists()
    runner._resume = False  # what trains anew writes it anew
    WholeCheckpointHook(interval=1).before_run(runner)


def test_a_checkpoint_named_by_flexible_runner_is_taken(tmp_path):
    """Its ``resume`` may be a path, beside an unrelated ``last_checkpoint``."""
    (tmp_path / 'last_checkpoint').touch()
    runner = SimpleNamespace(_resume='x.pth', _load_from=None, work_dir=str(tmp_path))
    WholeCheckpointHook(interval=1).before_run(runner)
    assert checkpoint_of(runner) == 'x.pth'


def test_a_bucket_is_left_to_mmengine(tmp_path):
    (tmp_path / 'last_checkpoint').write_text('s3://bucket/epoch_9.pth')
    assert find_last_checkpoint(tmp_path) == 's3://bucket/epoch_9.pth'


def test_resuming_from_what_is_not_there(synthetic_set, tmp_path):
    (tmp_path / 'work').mkdir()
    (tmp_path / 'work/last_checkpoint').write_text(str(tmp_path / 'mount/epoch_9.pth'))
    options = ['--work-dir', tmp_path / 'work', '--resume']
    done = call('train', CONFIG, *options, '--cfg-options', *data_options(synthetic_set))
    assert done.returncode == 1 and 'which is not there: bring it back' in done.stderr


@pytest.mark.parametrize('option', ['--resume', 'load_from'])
def test_weights_that_are_not_there(option, synthetic_set, tmp_path):
    options = ['--cfg-options', *data_options(synthetic_set)]
    named = (
        ['--resume', 'no.pth', *options] if option == '--resume' else [*options, 'load_from=no.pth']
    )
    done = call('train', CONFIG, '--work-dir', tmp_path, *named)
    assert done.returncode == 1 and 'the weights to start with, no.pth, are not' in done.stderr


def test_weights_alone_are_nothing_to_resume(trained, synthetic_set, tmp_path):
    weights = torch.load(trained / 'epoch_1.pth', weights_only=True)['state_dict']
    torch.save(dict(state_dict=weights), tmp_path / 'weights.pth')
    options = ['--work-dir', tmp_path / 'work', '--resume', tmp_path / 'weights.pth']
    done = call('train', CONFIG, *options, '--cfg-options', *data_options(synthetic_set))
    assert done.returncode == 1 and 'no state of a training to resume' in done.stderr


def test_a_training_clears_what_a_killed_one_has_left(tmp_path):
    """Also in another folder for checkpoints; a test leaves it, as a training may be going on."""
    partial = tmp_path / 'out/work/.epoch_2.0.partial.pth'
    partial.parent.mkdir(parents=True)
    partial.touch()
    runner = SimpleNamespace(_resume=False, _load_from=None, work_dir=str(tmp_path / 'work'))
    runner.logger, runner.message_hub = mock.Mock(), mock.Mock(runtime_info={})
    hook = WholeCheckpointHook(interval=1, out_dir=str(tmp_path / 'out'))
    hook.before_run(runner)
    hook.before_test(runner)
    assert partial.exists()
    hook.before_train(runner)
    assert not partial.exists()


def test_the_best_of_a_metric_that_is_not_there():
    hook = WholeCheckpointHook(save_best='coco/APs', rule='greater')
    with pytest.raises(InputError, match=r"'coco/APs': no metric .* one of 'coco/AP', 'coco/AR', "):
        hook.after_val_epoch(SimpleNamespace(), {'coco/AP': 0.5, 'coco/AR': 0.6})


@pytest.mark.parametrize(
    ('option', 'words'),
    [
        (
            'train_dataloader.batch_size=0',
            'train_cfg cannot be built: .*batch_size=0',
        ),
        ('train_dataloader.num_workers=-1', 'train_dataloader or train_cfg cannot be built: '),
        ('train_cfg.max_epochs=0.5', 'train_dataloader or train_cfg cannot be built: .*0.5'),
        (
            'optim_wrapper.optimizer.type=SDG',
            'no optimiser SDG; did you mean SGD',
        ),
        ('optim_wrapper.optimizer.no_such=1', 'optim_wrapper cannot be built: .*no_such'),
        ('param_scheduler.0.type=Linear', 'param_scheduler cannot be built: .*Linear'),
        ('val_dataloader.batch_size=0', 'val_dataloader or val_evaluator cannot be built: '),
        ('val_evaluator.no_such=1', 'val_dataloader or val_evaluator cannot be built: .*no_such'),
        ('default_hooks.checkpoint.no_such=1', 'cannot be built: .*Hook: TypeError .*no_such'),
    ],
)
def test_values_that_the_runner_cannot_use(option, words, synthetic_set, tmp_path):
    options = ['--work-dir', tmp_path, '--cfg-options', *data_options(synthetic_set), option]
    done = call('train', CONFIG, *options)
    assert done.returncode == 1 and done.stderr.count('\n') == 1
    assert re.search(words, done.stderr)
    assert not list(tmp_path.glob('*.pth'))


def test_checkpoints_elsewhere_are_written_by_their_backend():
    assert WholeCheckpointHook().backend_args == dict(backend=BACKEND)
    assert WholeCheckpointHook(out_dir='/tmp/here').backend_args == dict(backend=BACKEND)
    assert WholeCheckpointHook(out_dir='s3://bucket/run').backend_args is None
    local = dict(backend='local')
    assert WholeCheckpointHook(backend_args=local).backend_args == local


def test_a_checkpoint_of_a_fixed_name_stays(synthetic_set, tmp_path):
    options = [*data_options(synthetic_set), 'train_cfg.max_epochs=3', 'train_cfg.val_interval=9']
    options += ['default_hooks.checkpoint.filename_tmpl=model.pth']
    options += ['default_hooks.checkpoint.max_keep_ckpts=1']
    done = call('train', CONFIG, '--work-dir', tmp_path, '--cfg-options', *options)
    assert done.returncode == 0, done.stderr
    assert torch.load(tmp_path / 'model.pth', weights_only=True)['meta']['epoch'] == 3


def test_the_seed_of_a_checkpoint_shuffles_what_follows():
    """Where none is given, a resumed run draws another before it reads the checkpoint."""
    numbers = list(range(100))
    loaders = [
        DataLoader(numbers, 4, sampler=DefaultSampler(numbers, seed=seed)) for seed in (1, 2)
    ]
    first, resumed = loaders
    for loader in loaders:
        EpochSeedHook().before_train_epoch(
            SimpleNamespace(seed=1, epoch=3, train_dataloader=loader, train_loop=None, cfg={})
        )
    assert list(first.sampler) == list(resumed.sampler) != numbers


def test_processes_with_seeds_of_their_own_share_one_order(monkeypatch):
    """mmengine's seed of each is then that of the run and its rank."""
    orders = []
    for rank in range(2):
        monkeypatch.setattr('mmengine.dataset.sampler.get_dist_info', lambda rank=rank: (rank, 2))
        monkeypatch.setattr('directpose.engine.seed_hook.get_rank', lambda rank=rank: rank)
        numbers = list(range(8))
        loader = DataLoader(numbers, sampler=DefaultSampler(numbers, seed=7))
        runner = SimpleNamespace(seed=7 + rank, epoch=0, train_dataloader=loader, train_loop=None)
        runner.cfg = dict(randomness=dict(seed=7, diff_rank_seed=True))
        EpochSeedHook().before_train_epoch(runner)
        orders += list(loader.sampler)
    assert sorted(orders) == numbers


# ---------------------------------------------------------------- Ctrl-C


@pytest.fixture
def interruptible():
    """SIGINT ends what is started here, also where the tests run in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures('interruptible')
def test_ctrl_c_ends_a_training_with_a_line(synthetic_set, tmp_path):
    options = [*data_options(synthetic_set), 'train_cfg.max_epochs=1000']
    # Persistent ones: Python ignores Ctrl-C while workers are ended by a destructor.
    workers = ['num_workers=2', 'persistent_workers=True']
    options += [f'train_dataloader.{option}' for option in workers] + [
        'train_cfg.val_interval=1000'
    ]
    python = [sys.executable, '-X', 'faulthandler', '-W', 'ignore']
    command = [*python, 'tools/train.py', CONFIG, '--work-dir', tmp_path]
    with subprocess.Popen(
        [*map(str, command), '--cfg-options', *options],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as training:
        try:
            for line in training.stdout:
                if 'Saving checkpoint' in line:
                    break
            time.sleep(0.3)
            os.killpg(training.pid, signal.SIGINT)
            said = training.communicate(timeout=60)[1]
        except subprocess.TimeoutExpired:  # faulthandler tells what it is doing
            os.kill(training.pid, signal.SIGABRT)
            said = training.communicate(timeout=60)[1]
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(training.pid, signal.SIGKILL)
    assert training.returncode == 130, said
    assert said.splitlines()[-1] == 'interrupted' and 'Traceback' not in said


@pytest.mark.usefixtures('interruptible')
def test_ctrl_c_that_python_ignores_in_a_destructor(capsys):
    class Interrupted:
        def __del__(self):
            signal.raise_signal(signal.SIGINT)

    @exit_on_input_error
    def main():
        Interrupted()
        for _ in range(100):
            time.sleep(0.1)

    with pytest.raises(SystemExit, match='130'):
        main()
    assert capsys.readouterr().err == 'interrupted\n'


@pytest.mark.usefixtures('interruptible')
def test_ctrl_c_does_not_come_after_the_end(monkeypatch):
    class Ignored:
        def __init__(self, error):
            self.error = error

        def __del__(self):
            raise self.error

    @exit_on_input_error
    def main():
        Ignored(ValueError())
        Ignored(KeyboardInterrupt())

    told = mock.Mock()
    monkeypatch.setattr(sys, 'unraisablehook', told)
    main()
    assert sys.unraisablehook is told and told.call_count == 1
    time.sleep(0.3)


@pytest.mark.usefixtures('interruptible')
def test_ctrl_c_is_left_to_the_process_that_trains():
    """Ended by it, a worker could leave a lock closed for which that process waits for ever."""
    common = dict(dataset=Interrupts(), batch_size=1, num_workers=1)
    loader = dict(common, sampler=dict(type='DefaultSampler', shuffle=False))
    left = ConsoleRunner.build_dataloader(loader, seed=1)
    assert all(left)
    for epoch in range(2):
        runner = SimpleNamespace(
            seed=1, epoch=epoch, train_dataloader=left, train_loop=None, cfg={}
        )
        EpochSeedHook().before_train_epoch(runner)
        assert all(left)
    assert not isinstance(left.worker_init_fn.init, SeededWorker)  # one, whatever the epoch
    assert not any(DataLoader(**common))


def test_ctrl_c_that_a_library_made_another_error_of(capsys):
    @exit_on_input_error
    def main(interrupted):
        try:
            raise KeyboardInterrupt if interrupted else OSError
        except BaseException as error:
            raise SyntaxError('no config') from error

    with pytest.raises(SystemExit, match='130'):
        main(interrupted=True)
    assert capsys.readouterr().err == 'interrupted\n'
    with pytest.raises(SyntaxError, match='no config'):
        main(interrupted=False)


# ---------------------------------------------------------------- no numbers


def test_a_loss_that_is_no_number_ends_the_training(synthetic_set, tmp_path):
    options = [*data_options(synthetic_set), 'optim_wrapper.optimizer.lr=1e30']
    options += ['param_scheduler.0.start_factor=1.0', 'optim_wrapper.clip_grad=None']
    done = call('train', CONFIG, '--work-dir', tmp_path, '--cfg-options', *options)
    assert done.returncode == 1 and done.stderr.startswith('error: loss')
    assert 'in iteration 2, epoch 1, with the images [' in done.stderr
    assert not list(tmp_path.glob('*.pth'))


def test_the_images_of_the_batch_are_named():
    samples = [SimpleNamespace(metainfo=dict(img_id=i)) for i in (7, 42)]
    runner, batch = SimpleNamespace(iter=4, epoch=0), dict(data_samples=samples)
    hook = FiniteLossHook()
    hook.after_train_iter(runner, 4, batch, dict(loss=torch.tensor(1.0)))
    with pytest.raises(InputError, match=r'loss_kpt is nan in iteration 5.* \[7, 42\]'):
        hook.after_train_iter(
            runner, 4, batch, dict(loss_cls=torch.tensor(0.5), loss_kpt=torch.tensor(float('nan')))
        )


def test_weights_that_are_no_numbers_are_not_written():
    layer = torch.nn.Linear(2, 2)
    check_finite(layer, None)
    layer.bias.data[1] = float('inf')
    with pytest.raises(InputError, match=r'1 of the weights, bias first, .* is epoch_3.pth'):
        check_finite(layer, 'epoch_3.pth')


def test_mmengine_still_calls_what_we_override():
    assert {'_save_checkpoint_with_step', '_save_best_checkpoint'} <= set(vars(CheckpointHook))


# ---------------------------------------------------------------- checkpoints with code


class Code:
    """A pickle that makes a file when it is read."""

    def __reduce__(self):
        return open, ('hacked', 'w')


@pytest.fixture
def hostile(trained, tmp_path, monkeypatch):
    """Path of a checkpoint that fits the model and has code in it; the current folder is empty."""
    content = torch.load(trained / 'epoch_1.pth', weights_only=True)
    path = tmp_path / 'hostile.pth'
    torch.save(content | dict(code=Code()), path)
    (tmp_path / 'here').mkdir()
    monkeypatch.chdir(tmp_path / 'here')
    return path


@pytest.mark.parametrize(
    'command',
    [
        'test {config} {path}',
        'demo {config} {path} {image}',
        'convert fcos {path} out.pth',
        'train {config} --resume {path}',
        'train {config} --resume',
        'train {config} --cfg-options load_from={path}',
        'benchmark {config} {path}',
        'infer {config} {path} {folder} --out people',
        'export_onnx {config} {path} out.onnx',
    ],
)
def test_a_hostile_checkpoint_is_refused(command, hostile, synthetic_set, tmp_path):
    image = next((synthetic_set / 'images').iterdir())
    names = dict(config=ROOT / CONFIG, path=hostile, image=image, folder=image.parent)
    tool, *args = command.format(**names).split()
    if tool in ('train', 'test'):
        (tmp_path / 'work').mkdir()
        (tmp_path / 'work/last_checkpoint').write_text(str(hostile))
        args = [args[0], '--work-dir', tmp_path / 'work', *args[1:]]
        args += ([] if '--cfg-options' in args else ['--cfg-options']) + data_options(synthetic_set)
    done = call(tool, *args)
    assert done.returncode == 1, done.stdout
    assert done.stderr.startswith(f'error: {hostile} is not a checkpoint of plain weights')
    assert not (tmp_path / 'here/hacked').exists()


def test_a_hostile_checkpoint_from_a_url_is_refused(hostile, tmp_path, monkeypatch):
    """Neither ``load_from`` nor pretrained weights of a backbone run what they bring."""
    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'hub'))
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(hostile.parent))
    with ThreadingHTTPServer(('127.0.0.1', 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f'http://127.0.0.1:{server.server_port}/{hostile.name}'
        with pytest.raises(pickle.UnpicklingError, match='Weights only load failed'):
            load_checkpoint(torch.nn.Linear(1, 1), url)
        server.shutdown()
    assert not (tmp_path / 'here/hacked').exists()


def test_the_inferencer_refuses_a_hostile_checkpoint(hostile, tmp_path):
    from mmpose.apis import Pose2DInferencer

    with pytest.raises(Exception, match='Weights only load failed'):
        Pose2DInferencer(str(ROOT / CONFIG), str(hostile), device='cpu')
    assert not (tmp_path / 'here/hacked').exists()


def test_weights_that_are_not_finite_are_not_kept():
    layer = torch.nn.Linear(2, 2)
    layer.bias.data[1] = float('inf')
    runner = SimpleNamespace(model=layer, save_checkpoint=mock.Mock())
    with pytest.raises(InputError, match='not finite'):
        WholeCheckpointHook(interval=1)._save_checkpoint_with_step(runner, 1, {})
    assert not runner.save_checkpoint.called
