"""The configs of DirectPose; see :mod:`harness`."""

import numpy as np
import pytest
import torch
from directpose.apis.inference import detect, load_model, load_trained, read_image
from directpose.deploy.onnx_detector import OnnxDetector
from directpose.deploy.onnx_export import ExportableDirectPose
from helpers.commands import call
from mmengine.config import Config
from mmpose.apis import init_model

from .harness import NOT_EXPORTED, configs, prepare
from .paths import EveryPath, largest_difference

PAPER = 'directpose_r50_fpn_8xb4-100e_coco-800x1333'
pytestmark = pytest.mark.full_size


@pytest.mark.parametrize('path', configs('directpose'), ids=lambda p: p.stem, scope='class')
class TestDirectPose(EveryPath):
    pass


def models():
    """A config of each of the different models; all but the paper's are slow."""
    seen, chosen = [], []
    for path in sorted(configs('directpose'), key=lambda p: p.stem != PAPER):
        model = Config.fromfile(path).model.to_dict()
        # These change what the weights are, or how they are trained.
        for name in ('init_cfg', 'frozen_stages', 'norm_eval'):
            model['backbone'].pop(name, None)
        for name in ('heatmap_head', 'data_preprocessor'):
            model.pop(name, None)
        if path.stem not in NOT_EXPORTED and model not in seen:
            seen.append(model)
            slow = [] if path.stem == PAPER else [pytest.mark.slow]
            chosen.append(pytest.param(path, id=path.stem, marks=slow))
    return chosen


@pytest.fixture
def random_model(path, tmp_path):
    """A config with small inputs, and a checkpoint of random weights that tell scores apart."""
    config = prepare(path, tmp_path / 'data')
    model = init_model(str(config), device='cpu')
    head = model.bbox_head
    for layer, factor in ((head.conv_cls, 1), (head.conv_centerness, 1), (head.kpt_predictor, 0.3)):
        for weight in (w for w in layer.parameters() if w.ndim > 1):
            torch.nn.init.normal_(weight, std=factor * weight[0].numel() ** -0.5)
    torch.save(dict(state_dict=model.state_dict()), tmp_path / 'random.pth')
    return str(config), str(tmp_path / 'random.pth')


@pytest.mark.parametrize('path', models())
def test_export(random_model, tmp_path):
    """Three sizes, none of them that of the example; at the first, the coarsest map is one cell.

    Then a photo, from its pixels to its people.
    """
    config, checkpoint = random_model
    file = str(tmp_path / 'model.onnx')
    done = call('export_onnx', config, checkpoint, file)
    assert done.returncode == 0, done.stderr
    detector = OnnxDetector(file)
    exact = ExportableDirectPose(load_trained(Config.fromfile(config), checkpoint, 'cpu'))
    for height, width in ((128, 96), (256, 320), (512, 768)):
        assert largest_difference(exact, detector.run, height, width) < 1e-3

    image = read_image(str(tmp_path / 'data/images/000001.jpg'))
    expected = detect(load_model(config, checkpoint, 'cpu'), image, 0).pred_instances
    (found,) = detector([image])
    assert len(found['scores']) == len(expected) > 5
    np.testing.assert_allclose(found['keypoints'][..., :2], expected.keypoints, atol=1e-3)
    np.testing.assert_allclose(found['scores'], expected.bbox_scores, atol=1e-5)
