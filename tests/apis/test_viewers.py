"""People in the types of other programs."""

import sys

import numpy as np
import pytest
from directpose.apis.viewers import to_fiftyone, to_supervision
from directpose.utils.errors import InputError
from mmengine.structures import InstanceData
from mmpose.structures import PoseDataSample


@pytest.fixture
def sample():
    """Two people on an image of 200 x 100 pixels."""
    rng = np.random.default_rng(0)
    points = rng.uniform(0, 100, (2, 17, 2)).astype(np.float32)
    found = PoseDataSample(metainfo=dict(ori_shape=(100, 200)))
    found.pred_instances = InstanceData(
        keypoints=points,
        keypoint_scores=rng.uniform(0, 1, (2, 17)),
        bboxes=np.concatenate([points.min(1), points.max(1)], 1),
        bbox_scores=np.array([0.9, 0.4]),
        labels=np.array([0, 0]),
    )
    return found


def test_supervision(sample):
    supervision = pytest.importorskip('supervision', reason='no supervision: directpose[viewers]')
    keypoints, people = to_supervision(sample), sample.pred_instances
    assert len(keypoints) == 2
    np.testing.assert_array_equal(keypoints.xy, people.keypoints)
    np.testing.assert_allclose(keypoints.keypoint_confidence, people.keypoint_scores, atol=1e-6)
    drawn = supervision.VertexAnnotator(radius=3).annotate(
        np.zeros((100, 200, 3), np.uint8), keypoints
    )
    assert drawn.any()
    boxes = keypoints.as_detections()
    np.testing.assert_allclose(boxes.xyxy, people.bboxes, atol=1e-4)
    sample.pred_instances = people[:0]
    assert len(to_supervision(sample)) == 0


def test_fiftyone(sample):
    pytest.importorskip('fiftyone', reason='no fiftyone: directpose[viewers]')
    boxes, keypoints = to_fiftyone(sample)
    people = sample.pred_instances
    first = boxes.detections[0]
    np.testing.assert_allclose(first.bounding_box[0] * 200, people.bboxes[0, 0], rtol=1e-5)
    assert first.confidence == 0.9 and first.label == 'class 1'
    points = np.array(keypoints.keypoints[1].points) * (200, 100)
    np.testing.assert_allclose(points, people.keypoints[1], rtol=1e-5)
    assert keypoints.keypoints[1].confidence == people.keypoint_scores[1].tolist()


@pytest.mark.parametrize('convert', [to_supervision, to_fiftyone])
def test_what_is_missing_is_named(convert, sample, monkeypatch):
    monkeypatch.setitem(sys.modules, convert.__name__.removeprefix('to_'), None)
    with pytest.raises(InputError, match=r'pip install "directpose\[viewers\]"'):
        convert(sample)
