"""Every different model as ONNX finds the people that PyTorch finds; see :mod:`harness`."""

import numpy as np
import pytest
import torch
from directpose.apis.inference import detect, load_model, load_trained, read_image
from directpose.deploy.onnx_detector import OnnxDetector
from directpose.deploy.onnx_export import exportable
from helpers.commands import call
from mmengine.config import Config
from mmpose.apis import init_model

from .harness import NOT_EXPORTED, all_configs, prepare

# The paper's model, and v2 with levels that are only read
ALWAYS = (
    'directpose_r50_fpn_8xb4-100e_coco-800x1333',
    'directposev2-s_8xb32-300e_coco-640x640',
)
pytestmark = pytest.mark.full_size


def models():
    """A config of each of the different models; all but a few are slow."""
    seen, chosen = [], []
    for path in sorted(all_configs(), key=lambda p: p.stem not in ALWAYS):
        model = Config.fromfile(path).model.to_dict()
        # These change what the weights are, or how they are trained.
        for name in ('init_cfg', 'frozen_stages', 'norm_eval'):
            model['backbone'].pop(name, None)
        for name in ('heatmap_head', 'data_preprocessor', 'train_cfg'):
            model.pop(name, None)
        if path.stem not in NOT_EXPORTED and model not in seen:
            seen.append(model)
            slow = [] if path.stem in ALWAYS else [pytest.mark.slow]
            chosen.append(pytest.param(path, id=path.stem, marks=slow))
    return chosen


@pytest.fixture
def random_model(path, tmp_path):
    """A config with small inputs, and a checkpoint of random weights that tell scores apart."""
    config = prepare(path, tmp_path / 'data')
    model = init_model(str(config), device='cpu')
    if hasattr(model, 'roi_head'):
        branch = model.roi_head.bbox_head
        layers = {model.rpn_head.rpn_cls: 1, branch.fc_cls: 1, branch.fc_reg: 0.3}
    else:
        head = model.bbox_head
        layers = {head.conv_cls: 1, head.kpt_predictor: 0.3}
        if head.with_centerness:
            layers[head.conv_centerness] = 1
    for layer, factor in layers.items():
        for weight in (w for w in layer.parameters() if w.ndim > 1):
            torch.nn.init.normal_(weight, std=factor * weight[0].numel() ** -0.5)
    torch.save(dict(state_dict=model.state_dict()), tmp_path / 'random.pth')
    return str(config), str(tmp_path / 'random.pth')


@pytest.mark.parametrize('path', models())
@torch.no_grad()
def test_export(random_model, tmp_path):
    """Three sizes, none of them that of the example; at the first, the coarsest map is one cell.

    Then a photo, from its pixels to its people.
    """
    config, checkpoint = random_model
    file = str(tmp_path / 'model.onnx')
    done = call('export_onnx', config, checkpoint, file)
    assert done.returncode == 0, done.stderr
    detector = OnnxDetector(file)
    exact = exportable(load_trained(Config.fromfile(config), checkpoint, 'cpu'))
    for height, width in ((128, 96), (256, 320), (512, 768)):
        images = torch.rand(1, 3, height, width) * 255
        sizes = torch.tensor([[height, width - 3]])
        expected = [output.numpy() for output in exact(images, sizes)]
        found = detector.run(dict(images=images.numpy(), sizes=sizes.numpy()))
        assert len(expected[0]) == len(found[0]) > 5
        assert max(map(largest_difference, expected, found)) < 2e-3

    image = read_image(str(tmp_path / 'data/images/000001.jpg'))
    expected = detect(load_model(config, checkpoint, 'cpu'), image, 0).pred_instances
    (found,) = detector([image])
    assert len(found['scores']) == len(expected) > 5
    np.testing.assert_allclose(found['scores'], expected.bbox_scores, atol=1e-5)
    np.testing.assert_allclose(found['boxes'], expected.bboxes, atol=1e-2)
    apart = np.abs(found['keypoints'][..., :2] - expected.keypoints).max(-1)
    # a heatmap without a clear peak may have it elsewhere in an interpolation of another kind
    assert (apart < 0.05).mean() >= (0.95 if 'rcnn' in config else 1)


def largest_difference(expected, found):
    return np.abs(expected - found).max()
