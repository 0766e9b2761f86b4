"""torch.compile sees whole graphs: all that is computed over maps is one."""

import pytest
import torch
from helpers.builders import people, sample_of
from mmengine.config import Config
from mmpose.registry import MODELS
from torch._dynamo import explain


@pytest.fixture(scope='module')
def model(root):
    config = root / 'configs/directpose/directpose_tiny_1xb4-5e_synthetic-256x320.py'
    return MODELS.build(Config.fromfile(config).model)


@pytest.fixture(autouse=True)
def fresh_compiler():
    torch.compiler.reset()
    yield
    torch.compiler.reset()


def batch():
    samples = [sample_of(people((20, 30, 110, 120))) for _ in range(2)]
    for sample in samples:
        sample.set_metainfo(dict(img_shape=(128, 160)))
    return torch.randn(2, 3, 128, 160), samples


def test_graph_breaks_of_a_prediction(model):
    images, samples = batch()
    with torch.no_grad():
        assert explain(model.eval())(images, mode='tensor').graph_break_count == 0
        assert explain(model)(images, samples, mode='predict').graph_break_count <= 2


def test_graph_breaks_of_a_training_step(model):
    assert explain(model.train())(*batch(), mode='loss').graph_break_count <= 2


@torch.no_grad()
def test_a_compiled_model_finds_the_same_people(model):
    model.eval()
    torch.nn.init.zeros_(model.bbox_head.conv_cls.bias)
    data = batch()
    exact = [s.pred_instances for s in model(*data, mode='predict')]
    compiled = torch.compile(model, backend='aot_eager')
    found = [s.pred_instances for s in compiled(*data, mode='predict')]
    for ours, theirs in zip(found, exact, strict=True):
        assert len(ours) == len(theirs) > 10
        for name in ('keypoints', 'bboxes', 'bbox_scores'):
            torch.testing.assert_close(ours[name], theirs[name], atol=1e-3, rtol=1e-4)
