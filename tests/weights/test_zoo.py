"""Models by name, from a server on this machine in the place of the publishers."""

import hashlib
import http.server
import io
import multiprocessing
import pickle
import sys
import threading
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import torch
import yaml
from directpose import cli
from directpose.apis import detect, init_model, read_image
from directpose.utils.errors import InputError
from directpose.weights import zoo
from directpose.weights.download import fetch
from helpers.commands import CONFIG, ROOT, call, data_options, run
from mmengine.config import Config
from mmengine.hub import get_config, get_model
from mmengine.runner import CheckpointLoader
from mmpose.apis import MMPoseInferencer, Pose2DInferencer
from mmpose.registry import MODELS


class Server(http.server.ThreadingHTTPServer):
    """Serves ``content`` under ``/CASE/NAME``; what is asked for is in ``requests``."""

    def __init__(self):
        super().__init__(('127.0.0.1', 0), Handler)
        self.content, self.requests = b'', []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def url(self, case):
        return f'http://127.0.0.1:{self.server_port}/{case}'


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        case, ranges = self.path.split('/')[1], self.headers.get('Range')
        self.server.requests.append((case, ranges))
        content, start = self.server.content, 0
        if case == 'missing':
            return self.send_error(404, 'Not Found')
        if case == 'moved':
            self.send_response(302)
            self.send_header('Location', self.path.replace('moved', 'good'))
            return self.end_headers()
        if ranges and case != 'no-ranges':
            start = int(ranges.removeprefix('bytes=').rstrip('-'))
            if start >= len(content):
                return self.send_error(416)
            self.send_response(206)
        else:
            self.send_response(200)
        content = content[start:]
        self.send_header('Content-Length', str(len(content)))
        self.end_headers()
        first = len(self.server.requests) == 1
        if case == 'breaks' or (case in ('breaks-once', 'no-ranges') and first):
            content = content[: len(content) // 2]
        if case == 'wrong':
            content = bytes(len(content))
        self.wfile.write(content)

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    server = Server()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(scope='module')
def published():
    """The published file: weights of a small model."""
    torch.manual_seed(0)
    model = MODELS.build(Config.fromfile(ROOT / CONFIG).model)
    content = io.BytesIO()
    torch.save(model.state_dict(), content)
    return content.getvalue()


@pytest.fixture
def tiny(published, server, tmp_path, monkeypatch):
    """A model of the table, whose file is on the server."""
    server.content = published
    model = zoo.PublishedModel(
        name='tiny',
        what='',
        config=str(ROOT / CONFIG),
        program='torchvision',
        url=f'{server.url("good")}/tiny.pth',
        algorithm='sha256',
        digest=hashlib.sha256(published).hexdigest()[:8],
        file='tiny.pth',
        ap='',
        size='',
        licence='',
    )
    monkeypatch.setitem(zoo.MODELS, 'tiny', model)
    monkeypatch.setenv('DIRECTPOSE_HOME', str(tmp_path / 'home'))
    monkeypatch.delenv('DIRECTPOSE_MIRROR', raising=False)
    return model


def nothing_kept(tmp_path):
    return not [path for path in (tmp_path / 'home').rglob('*') if path.suffix in ('.pth', '.part')]


@pytest.mark.parametrize('case', ['good', 'moved', 'breaks-once', 'no-ranges'])
def test_it_is_downloaded_once_and_kept(tiny, server, published, case, monkeypatch):
    monkeypatch.setenv('DIRECTPOSE_MIRROR', server.url(case))
    path = zoo.checkpoint_of('tiny')
    weights = torch.load(io.BytesIO(published), weights_only=True)
    found = CheckpointLoader.load_checkpoint('directpose://tiny')['state_dict']
    assert all(torch.equal(found[name], weight) for name, weight in weights.items())
    seen = list(server.requests)
    assert zoo.checkpoint_of('tiny', offline=True) == path and server.requests == seen
    half = f'bytes={len(published) // 2}-'
    expected = {
        'good': [('good', None)],
        'moved': [('moved', None), ('good', None)],
        'breaks-once': [('breaks-once', None), ('breaks-once', half)],
        'no-ranges': [('no-ranges', None), ('no-ranges', half)],
    }
    assert seen == expected[case]
    assert sorted(p.name for p in zoo.home().rglob('*') if p.is_file()) == sorted(
        [Path(path).name, Path(path).with_suffix('.json').name, 'tiny.lock']
    )


@pytest.mark.parametrize(
    ('case', 'words'),
    [
        ('wrong', 'is not the published file: its sha256 does not begin with'),
        ('missing', 'answers 404'),
    ],
)
def test_what_is_not_there_or_not_right(tiny, server, tmp_path, monkeypatch, case, words):
    monkeypatch.setenv('DIRECTPOSE_MIRROR', server.url(case))
    with pytest.raises(InputError, match=words):
        zoo.checkpoint_of('tiny')
    assert nothing_kept(tmp_path)


def test_a_transfer_that_breaks_off_is_continued_by_the_next_command(
    tiny, server, published, monkeypatch
):
    monkeypatch.setenv('DIRECTPOSE_MIRROR', server.url('breaks'))
    with pytest.raises(InputError, match=r'broke off .* the same command continues it'):
        zoo.checkpoint_of('tiny')
    (part,) = zoo.home().rglob('*.part')
    there = part.stat().st_size
    assert there > len(published) / 2 and len(server.requests) == 3
    monkeypatch.delenv('DIRECTPOSE_MIRROR')
    zoo.checkpoint_of('tiny')
    assert server.requests[-1] == ('good', f'bytes={there}-')


def test_a_part_of_something_else_is_thrown_away(tiny, published):
    part = zoo.home() / 'downloads/tiny.pth.part'
    part.parent.mkdir(parents=True)
    part.write_bytes(bytes(len(published) + 10))
    assert zoo.checkpoint_of('tiny')


def test_without_a_network(tiny, server, tmp_path, monkeypatch):
    monkeypatch.setenv('DIRECTPOSE_MIRROR', 'http://127.0.0.1:9')
    with pytest.raises(InputError) as error:
        zoo.checkpoint_of('tiny')
    place = str(tmp_path / 'home/downloads/tiny.pth')
    for part in ('http://127.0.0.1:9/tiny.pth', place, 'DIRECTPOSE_MIRROR', '--weights FILE'):
        assert part in str(error.value)
    with pytest.raises(InputError, match='nothing is downloaded with --offline'):
        zoo.checkpoint_of('tiny', offline=True)
    Path(place).parent.mkdir(parents=True, exist_ok=True)
    Path(place).write_bytes(b'something else')
    with pytest.raises(InputError, match='remove it, or name it by --weights'):
        zoo.checkpoint_of('tiny', offline=True)
    Path(place).write_bytes(server.content)  # by hand
    assert zoo.checkpoint_of('tiny', offline=True)
    assert not server.requests


@pytest.mark.parametrize('mirror', ['mirror.example.com/models', 'http://mirror example.com'])
def test_a_mirror_that_is_no_address(tiny, mirror, monkeypatch):
    monkeypatch.setenv('DIRECTPOSE_MIRROR', mirror)
    with pytest.raises(InputError, match=f'cannot download {mirror}'):
        zoo.checkpoint_of('tiny')


def test_a_folder_that_cannot_be_made(tiny, tmp_path):
    zoo.home().mkdir()
    (zoo.home() / 'downloads').touch()
    with pytest.raises(InputError, match=r'cannot make .*downloads .* set DIRECTPOSE_HOME'):
        zoo.checkpoint_of('tiny')


def test_a_full_disk(tiny, tmp_path, monkeypatch):
    class Full(io.BytesIO):
        def write(self, _):
            raise OSError(28, 'No space left on device')

    monkeypatch.setattr('directpose.weights.download.open', lambda *_: Full(), raising=False)
    with pytest.raises(InputError, match='no space for'):
        zoo.checkpoint_of('tiny')
    assert nothing_kept(tmp_path)


def test_a_kept_file_that_was_changed_is_noticed(tiny):
    path = Path(zoo.checkpoint_of('tiny'))
    path.write_bytes(path.read_bytes()[:-1] + b'x')
    with pytest.raises(InputError, match='is not what was kept'):
        zoo.checkpoint_of('tiny')


class Hostile:
    def __reduce__(self):
        return print, ('this ran',)


def test_a_hostile_file_is_not_executed(tiny, server, tmp_path, monkeypatch, capsys):
    server.content = pickle.dumps({'state_dict': Hostile()})
    digest = hashlib.sha256(server.content).hexdigest()
    monkeypatch.setitem(zoo.MODELS, 'tiny', tiny._replace(digest=digest))
    with pytest.raises(InputError, match='not a checkpoint of plain weights'):
        zoo.checkpoint_of('tiny')
    assert 'this ran' not in capsys.readouterr().out
    own = tmp_path / 'own.pkl'
    own.write_bytes(server.content)
    with pytest.raises(InputError, match='not a checkpoint of plain weights'):
        zoo.checkpoint_of('tiny', weights=str(own))


def test_weights_on_this_machine(tiny, server, published, tmp_path):
    theirs, missing = tmp_path / 'theirs.pth', tmp_path / 'missing.pth'
    theirs.write_bytes(published)
    assert zoo.checkpoint_of('tiny', weights=str(theirs)) == str(theirs)  # in our format already
    assert not server.requests
    with pytest.raises(InputError, match='there is no such file'):
        zoo.checkpoint_of('tiny', weights=str(missing))


def _get(model, queue):
    zoo.MODELS['tiny'] = model
    queue.put(zoo.checkpoint_of('tiny'))


def test_two_processes_download_once(tiny, server):
    context = multiprocessing.get_context('fork')
    queue = context.Queue()
    processes = [context.Process(target=_get, args=(tiny, queue)) for _ in range(2)]
    for process in processes:
        process.start()
    assert queue.get(timeout=60) == queue.get(timeout=60)
    for process in processes:
        process.join()
    assert len(server.requests) == 1


def test_md5_and_sha1(server, tmp_path):
    server.content = b'some weights'
    for algorithm in ('md5', 'sha1'):
        digest = hashlib.new(algorithm, server.content).hexdigest()
        fetch(f'{server.url("good")}/x', tmp_path / algorithm, algorithm, digest[:6], '')
        assert (tmp_path / algorithm).read_bytes() == server.content


def test_the_metafiles_name_them():
    """mmengine's hub and inferencers, and mim, read these."""
    index = yaml.safe_load((ROOT / 'model-index.yml').read_text())
    entries = [
        entry
        for path in index['Import']
        for entry in yaml.safe_load((ROOT / path).read_text())['Models']
    ]
    found = {e['Weights'].removeprefix(zoo.SCHEME): e for e in entries if 'Weights' in e}
    # of two models with the same config, the hub can know one
    assert set(zoo.MODELS) - set(found) == {
        'keypoint-rcnn_legacy',
        'keypoint-rcnn_r50_1x_detectron2',
    }
    for name, entry in found.items():
        model = zoo.MODELS[name]
        assert entry['Config'] == f'configs/{model.config}' and name in entry['Alias']
        if model.ap:
            assert entry['Published'][0]['Metrics']['AP'] == pytest.approx(float(model.ap) / 100)
    assert (ROOT / 'projects/directpose/.mim/model-index.yml').read_text()


@pytest.mark.parametrize('make', [Pose2DInferencer, lambda name: MMPoseInferencer(pose2d=name)])
def test_inferencers_of_mmpose(tiny, server, make):
    image = np.random.default_rng(0).integers(0, 256, (120, 160, 3), np.uint8)
    result = next(make('tiny')(image))
    assert 'predictions' in result and len(server.requests) == 1


def test_models_of_mmpose_go_first():
    with mock.patch('mmpose.apis.inferencers.Pose2DInferencer._init_model') as init:
        init.side_effect = StopIteration
        with pytest.raises(StopIteration):
            Pose2DInferencer('rtmo')
    assert init.call_args.args[1].startswith('https://download.openmmlab.com/')
    with pytest.raises(ValueError, match='Cannot find model'):
        Pose2DInferencer('no-such-model')


def test_the_api_and_the_command(tiny, server, tmp_path, synthetic_set):
    image = next((synthetic_set / 'images').iterdir())
    people = detect(init_model('tiny'), read_image(str(image)), score_thr=0).pred_instances
    assert people.keypoints.shape[1:] == (17, 2)
    for arguments in (['tiny', image], [image, '--model', 'tiny'], ['directpose://tiny', image]):
        done = call('demo', *arguments, '--score-thr', 0, '--out', tmp_path / 'out')
        assert done.returncode == 0, done.stderr
        assert f'{len(people)} people in 1 images' in done.stdout
    assert len(server.requests) == 1
    done = call('demo', image, '--model', 'nobody')
    assert 'the names are keypoint-rcnn, ' in done.stderr
    assert call('demo', CONFIG, image).returncode == 2


def test_a_training_can_start_from_one(tiny, synthetic_set, tmp_path):
    options = [
        *data_options(synthetic_set),
        'load_from=directpose://tiny',
        'train_cfg.max_epochs=1',
    ]
    done = call('train', ROOT / CONFIG, '--work-dir', tmp_path, '--cfg-options', *options)
    assert done.returncode == 0, done.stderr
    (log,) = tmp_path.glob('*/*.log')
    assert 'Load checkpoint from directpose://tiny' in log.read_text()
    other = ('--cfg-options', *options, 'model.bbox_head.kpt_predictor.group_channels=8')
    done = call('train', ROOT / CONFIG, '--work-dir', tmp_path / 'other', *other)
    assert done.returncode == 1 and 'error: ' in done.stderr and 'Traceback' not in done.stderr


def test_the_table(tiny, capsys):
    zoo.checkpoint_of('tiny')
    done = call('models')
    lines = {line.split()[0]: line for line in done.stdout.splitlines() if line}
    assert lines['tiny'].endswith('yes') and ' no ' in lines['keypoint-rcnn']
    assert str(zoo.home()) in done.stdout and '65.0' in lines['keypoint-rcnn']


def test_the_command_line(capsys, monkeypatch):
    monkeypatch.setattr(sys, 'argv', ['directpose'])
    cli.main()
    assert 'export' in capsys.readouterr().out
    monkeypatch.setattr(sys, 'argv', ['directpose', 'dance'])
    with pytest.raises(SystemExit, match="no command 'dance'"):
        cli.main()
    done = run(sys.executable, '-m', 'directpose.cli', 'infer', '--help')
    assert done.returncode == 0 and 'usage: directpose infer' in done.stdout


def test_unknown_names(tmp_path, monkeypatch):
    with pytest.raises(InputError, match="no model 'keypoint'; the names are keypoint-rcnn, "):
        zoo.checkpoint_of('keypoint')
    assert zoo.split_name(['photo.jpg']) == ['photo.jpg']
    monkeypatch.chdir(tmp_path)
    Path('keypoint-rcnn').mkdir()  # a folder of that name is no model of the user's
    assert zoo.split_name(['keypoint-rcnn'])[1] == 'directpose://keypoint-rcnn'
    assert zoo.split_name([]) == []


def test_names_are_only_resolved_when_needed(tiny, server, tmp_path, synthetic_set):
    image = next((synthetic_set / 'images').iterdir())
    config, checkpoint, *rest = zoo.split_name(['tiny', 'out.onnx'])
    assert (checkpoint, rest) == ('directpose://tiny', ['out.onnx']) and config.endswith('.py')
    done = call('demo', '--out', tmp_path, 'tiny', image, '--offline')
    assert done.returncode == 1 and 'nothing is downloaded with --offline' in done.stderr
    assert call('infer', 'tiny', image.parent, '--nonsense').returncode == 2
    done = call('demo', 'tiny', '--offline', image)
    assert done.returncode == 1 and 'nothing is downloaded with --offline' in done.stderr
    assert call('demo', 'tiny', image, '--model', 'tiny').returncode == 2
    assert call('app', 'tiny', 'own.pth').returncode == 2
    assert not server.requests
    own = tmp_path / 'own.pth'
    own.write_bytes(server.content)
    done = call('demo', 'tiny', image, '--out', tmp_path, '--weights', own)
    assert done.returncode == 0, done.stderr
    assert not server.requests
    done = call('infer', 'tiny', image.parent, '--out', tmp_path / 'people', '--workers', 0)
    assert done.returncode == 0, done.stderr
    assert len(server.requests) == 1


def test_models_that_can_only_be_had_by_hand(tmp_path, monkeypatch):
    monkeypatch.setenv('DIRECTPOSE_HOME', str(tmp_path))
    with pytest.raises(InputError, match='can only be had by hand, see https://github'):
        zoo.checkpoint_of('keypoint-rcnn-gcm_r50')


def test_the_hub_of_mmengine(tiny):
    name = 'keypoint_rcnn/keypoint-rcnn_tiny_1xb4-5e_synthetic-256x320.py'
    assert type(get_model(f'directpose::{name}')).__name__ == 'KeypointRCNN'
    published = 'directpose::directpose/directpose_r50-blur_fpn_gluoncv_coco-800x1333.py'
    assert get_config(published, pretrained=True).model_path == 'directpose://directpose'
