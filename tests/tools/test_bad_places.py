"""What is missing on a machine is told in a sentence: a network, a GPU, a whole file."""

from unittest import mock

import cv2
import pytest
import torch
from directpose.apis.inference import check_device, default_device
from directpose.utils.config import build_model, read_config
from directpose.utils.errors import InputError
from helpers.commands import CONFIG, ROOT, call, data_options
from mmengine.runner import CheckpointLoader
from mmpose.apis import MMPoseInferencer, Pose2DInferencer

TWO_STAGE = 'configs/keypoint_rcnn/keypoint-rcnn_tiny_1xb4-5e_synthetic-256x320.py'


def test_no_network(monkeypatch, tmp_path, synthetic_set):
    """Nobody listens at this port; the pretrained backbone of a training is there."""
    monkeypatch.setenv('TORCH_HOME', str(tmp_path))
    address = 'http://127.0.0.1:9/resnet50-0676ba61.pth'
    place = tmp_path / 'hub/checkpoints/resnet50-0676ba61.pth'
    with pytest.raises(InputError, match='put the file there by hand') as error:
        CheckpointLoader.load_checkpoint(address)
    assert address in str(error.value) and str(place) in str(error.value)
    pretrained = dict(_delete_=True, type='Pretrained', checkpoint=address)
    config = tmp_path / 'own.py'
    config.write_text(
        f"_base_ = '{ROOT / CONFIG}'\nmodel = dict(backbone=dict(init_cfg={pretrained}))\n"
    )
    options = ('--work-dir', tmp_path / 'work', '--cfg-options', *data_options(synthetic_set))
    done = call('train', config, *options)
    assert done.returncode == 1 and f'error: cannot download {address}' in done.stderr
    assert 'model.backbone.init_cfg=None' in done.stderr


@pytest.mark.skipif(torch.cuda.is_available(), reason='there is a GPU')
@pytest.mark.parametrize('tool', ['demo', 'infer'])
def test_no_gpu(tool, trained, synthetic_set, tmp_path):
    images = synthetic_set / 'images'
    options = ('--out', tmp_path / 'out', '--device', 'cuda:0')
    done = call(tool, CONFIG, trained / 'epoch_1.pth', images, *options)
    assert done.returncode == 1 and 'error: --device cuda:0 cannot be used' in done.stderr
    with pytest.raises(InputError, match='available: cpu'):
        check_device('cuda:0')
    with pytest.raises(InputError, match='--device gpu cannot be used'):
        check_device('gpu')
    check_device('cpu')


def test_a_gpu_that_is_too_old(monkeypatch):
    """PyTorch sees it and puts tensors there, but has no kernels for it."""
    zeros = mock.MagicMock()
    zeros.return_value.__add__.side_effect = RuntimeError(
        'CUDA error: no kernel image is available'
    )
    monkeypatch.setattr(torch, 'zeros', zeros)
    with pytest.raises(InputError, match=r'--device cuda:0 cannot be used \(CUDA error: no kernel'):
        check_device('cuda:0')


def test_a_gpu_without_operators_of_mmcv(monkeypatch, capsys):
    """``make env`` builds mmcv for the CPU only."""
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
    version = 'directpose.models.keypoint_rcnn.detector.get_compiling_cuda_version'
    models = {name: build_model(read_config(ROOT / name)) for name in (CONFIG, TWO_STAGE)}
    for there, expected in (('13.0', 'cuda:0'), ('not available', 'cpu')):
        monkeypatch.setattr(version, lambda there=there: there)
        assert default_device(models[CONFIG]) == 'cuda:0'
        assert default_device(models[TWO_STAGE]) == expected
    assert 'on the CPU, as mmcv has no operators for CUDA' in capsys.readouterr().err


@pytest.mark.parametrize('inferencer', [Pose2DInferencer, MMPoseInferencer])
@pytest.mark.parametrize(
    ('content', 'words'), [(b'', 'is empty'), (b'text', 'is truncated|is not an image')]
)
def test_no_image(inferencer, content, words, trained, tmp_path):
    path = tmp_path / 'photo.jpg'
    path.write_bytes(content)
    weights = str(trained / 'epoch_1.pth')
    if inferencer is Pose2DInferencer:
        model = Pose2DInferencer(str(ROOT / CONFIG), weights, device='cpu')
    else:
        model = MMPoseInferencer(str(ROOT / CONFIG), weights, device='cpu')
    with pytest.raises(InputError, match=f'{path} ({words})'):
        next(model(str(path)))
    with pytest.raises(InputError, match=r'no\.jpg does not exist'):
        next(model(str(tmp_path / 'no.jpg')))


@pytest.mark.parametrize('tool', ['train', 'test'])
def test_pictures_that_cannot_be_shown_or_written(tool, tmp_path):
    (tmp_path / 'file').touch()
    config = [CONFIG, 'x.pth'][: 1 + (tool == 'test')]
    done = call(tool, *config, '--show-dir', tmp_path / 'file/pictures')
    assert done.returncode == 1 and 'another one with --show-dir' in done.stderr
    with mock.patch('cv2.namedWindow', side_effect=cv2.error('no windows')):
        done = call(tool, *config, '--show')
    assert done.returncode == 1 and done.stderr.startswith('error: --show: this OpenCV has no wind')
