"""Tools for developers that draw or measure what a model does."""

import cv2
import pytest
import torch
from helpers.commands import ROOT, call
from mmpose.apis import init_model

CONFIG = 'configs/directpose_v2/directposev2_tiny_1xb4-5e_synthetic-256x320.py'


@pytest.fixture
def checkpoint(tmp_path):
    """Random weights that are a little sure of everybody."""
    torch.manual_seed(0)
    model = init_model(str(ROOT / CONFIG), device='cpu')
    torch.nn.init.constant_(model.bbox_head.conv_cls.bias, 0.0)
    torch.save(dict(state_dict=model.state_dict()), tmp_path / 'random.pth')
    return tmp_path / 'random.pth'


def test_draw_alignment(checkpoint, synthetic_set, tmp_path):
    image = synthetic_set / 'images/000001.jpg'
    done = call('dev/draw_alignment', CONFIG, checkpoint, image, tmp_path / 'out.png')
    assert done.returncode == 0, done.stderr
    assert cv2.imread(str(tmp_path / 'out.png')).std() > 5


def test_tracking(checkpoint):
    done = call('dev/tracking', CONFIG, checkpoint, '--films', 1, '--frames', 2)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count('\n| boxes |') == done.stdout.count('\n| poses |') == 2
