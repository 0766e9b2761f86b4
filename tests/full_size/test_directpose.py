"""The configs of DirectPose; see :mod:`harness`."""

import onnxruntime
import pytest
import torch
from directpose.export import PixelsToPeople, export_onnx
from mmengine.config import Config
from mmpose.registry import MODELS

from .harness import FULL_WIDTH, configs, narrow
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
        if model not in seen:
            seen.append(model)
            slow = [] if path.stem == PAPER else [pytest.mark.slow]
            chosen.append(pytest.param(path, id=path.stem, marks=slow))
    return chosen


@pytest.mark.parametrize('path', models())
def test_export(path, tmp_path):
    """Three sizes, none of them that of the example; at the first, the coarsest map is one cell."""
    cfg = Config.fromfile(path).model
    cfg.backbone.init_cfg = None
    if not FULL_WIDTH:
        narrow(cfg)
    cfg.test_cfg.update(score_thr=0.0, nms_pre=40)
    model = MODELS.build(cfg).eval()
    for weight in model.bbox_head.parameters():  # else all scores are nearly the same
        if weight.ndim > 1:
            torch.nn.init.normal_(weight, std=weight[0].numel() ** -0.5)
    export_onnx(model, str(tmp_path / 'model.onnx'), with_nms=False, facts={})
    session = onnxruntime.InferenceSession(tmp_path / 'model.onnx')
    exact = PixelsToPeople(model, with_nms=False)
    for height, width in ((128, 96), (256, 320), (512, 768)):
        assert largest_difference(exact, session, height, width) < 1e-3
