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
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmengine.registry import DefaultScope
from mmpose.apis import init_model
from onnxruntime import InferenceSession
from torchvision.ops import nms


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


def test_every_branch_and_several_classes(synthetic_set, tmp_path):
    """Boxes and scores of keypoints from branches of their own; suppression class by class."""
    cfg = Config.fromfile(ROOT / CONFIG)
    cfg.model.bbox_head.update(
        num_classes=2,
        loss_vis=dict(type='mmdet.CrossEntropyLoss', use_sigmoid=True),
        loss_bbox=dict(type='mmdet.GIoULoss'),
    )
    cfg.model.test_cfg.score_thr = 0.0
    cfg.dump(tmp_path / 'branches.py')
    torch.manual_seed(0)
    model = init_model(cfg, device='cpu')
    for weight in model.bbox_head.parameters():  # else all scores are nearly the same
        torch.nn.init.normal_(weight, std=0.1)
    torch.save(dict(state_dict=model.state_dict()), tmp_path / 'branches.pth')
    done = call('export_onnx', tmp_path / 'branches.py', tmp_path / 'branches.pth', tmp_path / 'x')
    assert done.returncode == 0, done.stderr
    images = [cv2.imread(str(p)) for p in sorted((synthetic_set / 'images').iterdir())][:1]
    (expected,), (people,) = people_of(model, images), OnnxDetector(str(tmp_path / 'x'))(images)
    assert 20 < len(people['scores']) == len(expected.bbox_scores)
    assert set(people['labels']) == {0, 1}
    for name, values in (('scores', expected.bbox_scores), ('boxes', expected.bboxes)):
        np.testing.assert_allclose(people[name], values, rtol=1e-5, atol=1e-3)
    np.testing.assert_array_equal(people['labels'], expected.labels)
    np.testing.assert_allclose(people['keypoints'][..., :2], expected.keypoints, atol=1e-3)
    np.testing.assert_allclose(people['keypoints'][..., 2], expected.keypoint_scores, atol=1e-5)


@pytest.mark.parametrize(
    ('option', 'words'),
    [
        ('model.data_preprocessor.pad_size_divisor=64', 'pad_size_divisor 32'),
        ('test_dataloader.dataset.pipeline.1.type=Resize', 'prepares images by LoadImage, Resize,'),
        ('tta_model.type=PoseTTA', 'tests several forms of each'),
    ],
)
def test_what_is_prepared_otherwise_is_refused(option, words, trained, tmp_path):
    arguments = [ROOT / CONFIG, trained / 'epoch_1.pth', tmp_path / 'x', '--cfg-options', option]
    done = call('export_onnx', *arguments)
    assert done.returncode == 1 and words in done.stderr
    assert not (tmp_path / 'x').exists()


def test_candidates_without_suppression(exported, trained, synthetic_set, tmp_path):
    """They are what the suppression of the other file chooses from."""
    arguments = [ROOT / CONFIG, trained / 'epoch_1.pth', tmp_path / 'x', '--no-nms']
    call('export_onnx', *arguments, '--cfg-options', 'model.test_cfg.score_thr=0.0')
    with pytest.raises(ValueError, match='was exported with --no-nms'):
        OnnxDetector(str(tmp_path / 'x'))
    image = cv2.imread(str(next((synthetic_set / 'images').iterdir())))[:256, :256]
    pixels = np.zeros((1, 3, 256, 256), np.float32)
    pixels[0, :, : image.shape[0], : image.shape[1]] = image.transpose(2, 0, 1)
    feeds = dict(images=pixels, sizes=np.array([image.shape[:2]]))
    _, boxes, scores, _, keypoints = InferenceSession(str(tmp_path / 'x')).run(None, feeds)
    _, _, best, _, people = InferenceSession(str(exported)).run(None, feeds)
    test_cfg = Config.fromfile(ROOT / CONFIG).model.test_cfg
    kept = nms(torch.from_numpy(boxes), torch.from_numpy(scores), test_cfg.iou_thr)
    kept = kept[: test_cfg.max_per_img].numpy()
    assert len(scores) > len(kept) > 20
    np.testing.assert_allclose(scores[kept], best, atol=1e-6)
    np.testing.assert_allclose(keypoints[kept], people, atol=1e-3)
