"""The exported model finds the same people."""

import shutil
import sys

import cv2
import numpy as np
import pytest
import torch
from commands import CONFIG, ROOT, call, run
from directpose.inference import load_model
from directpose.onnx_detector import OnnxDetector
from mmengine.dataset import Compose, pseudo_collate
from mmengine.registry import DefaultScope


@pytest.fixture(scope='module')
def exported(trained, tmp_path_factory):
    """Path of the trained model as ONNX, with all people whose score is above 0."""
    path = tmp_path_factory.mktemp('export') / 'model.onnx'
    options = ['--cfg-options', 'model.test_cfg.score_thr=0.0']
    done = call('export_onnx', ROOT / CONFIG, trained / 'epoch_1.pth', path, *options)
    assert done.returncode == 0, done.stderr
    return path


def people_of(model, images):
    """What the model itself finds in a batch of images."""
    with DefaultScope.overwrite_default_scope('mmpose'), torch.no_grad():
        pipeline = Compose(model.cfg.test_dataloader.dataset.pipeline)
        batch = pseudo_collate([pipeline(dict(img=image, img_id=0, id=[0])) for image in images])
        return [sample.pred_instances for sample in model.test_step(batch)]


def test_the_same_people_in_batches_of_any_sizes(exported, trained, synthetic_set):
    config, checkpoint = str(ROOT / CONFIG), str(trained / 'epoch_1.pth')
    model = load_model(config, checkpoint, 'cpu', {'model.test_cfg.score_thr': 0.0})
    detector = OnnxDetector(str(exported))
    images = [cv2.imread(str(path)) for path in sorted((synthetic_set / 'images').iterdir())]
    odd = [cv2.resize(images[0], (50, 301)), cv2.resize(images[1], (640, 360))]
    assert len({image.shape for image in images[1:4]}) > 1
    for batch in (images[:1], images[1:4], odd[:1], odd[1:]):
        for expected, people in zip(people_of(model, batch), detector(batch), strict=True):
            assert 20 < len(people['scores']) == len(expected.bbox_scores) <= 100
            np.testing.assert_allclose(people['scores'], expected.bbox_scores, atol=1e-5)
            # Of people with the same score, any order will do.
            places = [_nearest(points, people['keypoints']) for points in expected.keypoints]
            assert len(set(places)) == len(places)
            found = people['keypoints'][places]
            np.testing.assert_allclose(found[..., :2], expected.keypoints, rtol=0, atol=1e-3)
            np.testing.assert_allclose(people['boxes'][places], expected.bboxes, rtol=0, atol=1e-3)


def _nearest(points, others):
    """Index of the person whose keypoints are nearest."""
    return int(np.abs(others[..., :2] - points).max((1, 2)).argmin())


def test_nobody_is_found_where_nobody_is(exported):
    people = OnnxDetector(str(exported))([np.zeros((40, 60, 3), np.uint8)])[0]
    assert people['keypoints'].shape == (len(people['scores']), 17, 3)
    assert np.isfinite(people['keypoints']).all()


def test_without_torch(exported, synthetic_set, tmp_path):
    """What runs the model is one file that can be copied, as the README says."""
    script = f"""
import sys
sys.modules['torch'] = sys.modules['directpose'] = None
import sys

import cv2
from onnx_detector import OnnxDetector
image = cv2.imread({str(next((synthetic_set / 'images').iterdir()))!r})
print(OnnxDetector({str(exported)!r})([image])[0]['keypoints'].shape)
"""
    shutil.copy(ROOT / 'projects/directpose/onnx_detector.py', tmp_path)
    done = run(sys.executable, '-c', script, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith(', 17, 3)\n')
