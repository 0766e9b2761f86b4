"""Two metrics in one run, and classes of their own."""

import json

import numpy as np
import pytest
from directpose.evaluation import MatchedPCK
from mmengine.evaluator import Evaluator
from mmpose.registry import DATASETS, METRICS
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval


def dataset_meta():
    return DATASETS.build(dict(type='CocoDataset', data_mode='bottomup', lazy_init=True)).metainfo


def person(box, image_id=1, number=1, category=1, **changes):
    """An annotation (x, y, w, h) whose keypoints are spread over the diagonal of the box."""
    x, y, w, h = box
    share = np.linspace(0, 1, 17)
    keypoints = np.stack([x + share * w, y + share * h, np.full(17, 2)], 1)
    record = dict(
        id=number,
        image_id=image_id,
        category_id=category,
        bbox=list(box),
        area=w * h,
        iscrowd=0,
        num_keypoints=17,
        keypoints=keypoints.flatten().tolist(),
    )
    return record | changes


def write_coco(path, annotations, num_classes=1):
    images = [dict(id=k, file_name=f'{k}.jpg', width=640, height=480) for k in (1, 2, 3)]
    categories = [dict(id=k + 1, name=f'class {k}') for k in range(num_classes)]
    coco = dict(info={}, images=images, annotations=annotations, categories=categories)
    path.write_text(json.dumps(coco))
    return str(path)


def predictions(records):
    """Data samples of three images, as the detector gives them, from records with a score."""
    samples = []
    for image_id in (1, 2, 3):
        found = [r for r in records if r['image_id'] == image_id]
        boxes = np.array([r['bbox'] for r in found], dtype=np.float64).reshape(-1, 4)
        boxes[:, 2:] += boxes[:, :2]
        keypoints = np.array([r['keypoints'] for r in found]).reshape(-1, 17, 3)
        people = dict(
            bboxes=boxes,
            bbox_scores=np.array([r['score'] for r in found], dtype=np.float64),
            labels=np.array([r['category_id'] - 1 for r in found], dtype=np.int64),
            keypoints=keypoints[..., :2],
            keypoint_scores=np.ones(keypoints.shape[:2]),
        )
        sample = dict(id=[image_id], img_id=image_id, ori_shape=(480, 640))
        samples.append(sample | dict(gt_instances={}, pred_instances=people))
    return samples


def evaluate(metrics, samples):
    evaluator = Evaluator([METRICS.build(m) for m in metrics])
    evaluator.dataset_meta = dataset_meta()
    for sample in samples:
        evaluator.process([sample])
    return evaluator.evaluate(len(samples))


def both(ann_file):
    keypoints = dict(type='CocoMetric', score_mode='bbox', nms_mode='none')
    return [dict(m, ann_file=ann_file) for m in (keypoints, dict(type='PersonBoxMetric'))]


TRUTH = [
    person((10, 10, 100, 200), 1, 1),
    person((150, 20, 80, 160), 1, 2),
    person((30, 40, 200, 300), 2, 3),
    # a crowd, and somebody without keypoints, whose box counts all the same
    person((300, 10, 200, 200), 2, 4, iscrowd=1, num_keypoints=0, keypoints=[0] * 51),
    person((300, 300, 60, 60), 2, 5, num_keypoints=0, keypoints=[0] * 51),
]


def test_truth_as_prediction_is_perfect_in_both(tmp_path):
    ann_file = write_coco(tmp_path / 'truth.json', TRUTH)
    found = [t | dict(score=0.9) for t in TRUTH if not t['iscrowd']]
    scores = evaluate(both(ann_file), predictions(found))
    assert scores['coco/AP'] == pytest.approx(1.0)
    assert scores['coco/bbox_mAP'] == pytest.approx(1.0)


def test_fields_that_many_files_leave_out(tmp_path):
    """As the checks of a config allow; the evaluation of people without num_keypoints was -1."""
    people = [t for t in TRUTH if not t['iscrowd']]
    left_out = ('area', 'iscrowd', 'num_keypoints')
    truth = [{name: t[name] for name in t if name not in left_out} for t in people]
    found = predictions([t | dict(score=0.9) for t in people])
    keypoints, boxes = both(write_coco(tmp_path / 'truth.json', truth))
    scores = evaluate([keypoints | dict(type='FastCocoMetric'), boxes], found)
    assert scores['coco/AP'] == pytest.approx(1.0)
    assert scores['coco/bbox_mAP'] == pytest.approx(1.0)


def test_a_case_by_hand_gives_the_numbers_of_pycocotools(tmp_path):
    """A shifted person, a double, a false one, one missed and one in the crowd."""
    ann_file = write_coco(tmp_path / 'truth.json', TRUTH)
    found = [
        person((14, 16, 100, 190), 1) | dict(score=0.9),
        person((30, 30, 90, 180), 1) | dict(score=0.8),
        person((400, 100, 50, 120), 1) | dict(score=0.7),
        person((40, 60, 190, 290), 2) | dict(score=0.6),
        person((320, 30, 80, 90), 2) | dict(score=0.5),
        person((5, 5, 60, 60), 3) | dict(score=0.4),
    ]
    scores = evaluate(both(ann_file), predictions(found))

    truth = COCO(ann_file)
    expected = {}
    for kind in ('keypoints', 'bbox'):
        # loadRes takes the area from the keypoints if there are any
        fields = ('image_id', 'category_id', 'score', kind)
        results = truth.loadRes([{name: record[name] for name in fields} for record in found])
        evaluation = COCOeval(truth, results, kind)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
        expected[kind] = evaluation.stats
    assert 0.1 < expected['keypoints'][0] < 0.9 and 0.1 < expected['bbox'][0] < 0.9
    for index, name in enumerate(('AP', 'AP .5', 'AP .75', 'AP (M)', 'AP (L)', 'AR')):
        assert scores[f'coco/{name}'] == pytest.approx(expected['keypoints'][index]), name
    for index, name in enumerate(('mAP', 'mAP_50', 'mAP_75', 'mAP_s', 'mAP_m', 'mAP_l')):
        assert scores[f'coco/bbox_{name}'] == pytest.approx(expected['bbox'][index], abs=6e-4)


def test_nobody_found_is_zero_in_both(tmp_path):
    scores = evaluate(both(write_coco(tmp_path / 'truth.json', TRUTH)), predictions([]))
    assert scores['coco/AP'] == 0 and scores['coco/bbox_mAP'] == 0


def classwise(ann_file):
    metric = dict(type='ClasswiseCocoMetric', score_mode='bbox', nms_mode='none', prefix='animal')
    return [dict(metric, ann_file=ann_file)]


def test_classes_count_apart(tmp_path):
    cat, dog = person((10, 10, 100, 200), 1, 1), person((150, 20, 80, 160), 1, 2, category=2)
    ann_file = write_coco(tmp_path / 'truth.json', [cat, dog], num_classes=3)
    right = [cat | dict(score=0.9), dog | dict(score=0.8)]
    assert evaluate(classwise(ann_file), predictions(right))['animal/AP'] == pytest.approx(1.0)
    # a dog that is called a cat counts for neither
    wrong = [right[0], right[1] | dict(category_id=1)]
    assert evaluate(classwise(ann_file), predictions(wrong))['animal/AP'] == pytest.approx(0.5)
    # more classes than images
    zoo = [person((60 * k, 10, 50, 200), 1, k, category=k) for k in range(1, 6)]
    ann_file = write_coco(tmp_path / 'zoo.json', zoo, num_classes=6)
    right = [animal | dict(score=0.9) for animal in zoo]
    assert evaluate(classwise(ann_file), predictions(right))['animal/AP'] == pytest.approx(1.0)


def test_boxes_of_classes(tmp_path):
    cat, dog = person((10, 10, 100, 200), 1, 1), person((150, 20, 80, 160), 1, 2, category=2)
    ann_file = write_coco(tmp_path / 'truth.json', [cat, dog], num_classes=3)
    wrong = [cat | dict(score=0.9), dog | dict(score=0.8, category_id=1)]
    boxes = [dict(type='PersonBoxMetric', ann_file=ann_file)]
    unknown = [cat | dict(score=0.9), dog | dict(score=0.8, category_id=7)]
    assert evaluate(boxes, predictions(unknown))['coco/bbox_mAP'] == pytest.approx(0.5)
    assert evaluate(boxes, predictions(wrong))['coco/bbox_mAP'] == pytest.approx(0.5)
    assert evaluate(classwise(ann_file), predictions([]))['animal/AP'] == 0


def pck(predicted, visible=None):
    metric = MatchedPCK(thr=0.1)
    truth = np.array([[[0.0, 0], [10, 100]], [[200, 0], [210, 100]]])
    visible = np.ones((2, 2)) if visible is None else visible
    boxes = np.array([[0.0, 0, 10, 100], [200, 0, 210, 100]])
    gt = dict(keypoints=truth, keypoints_visible=visible, bboxes=boxes)
    found = dict(keypoints=np.array(predicted, dtype=float).reshape(-1, 2, 2))
    metric.process({}, [dict(gt_instances=gt, pred_instances=found)])
    return metric.evaluate(1)['PCK']


def test_matched_pck():
    left, right = [[0, 9], [10, 100]], [[200, 0], [210, 111]]
    assert pck([right, left]) == 0.75  # whatever their order
    assert pck([left]) == 0.5 and pck([]) == 0
    assert pck([left, left]) == 0.5  # nobody is found twice
    assert pck([left], visible=np.array([[1, 1], [0, 0]])) == 1
    metric = MatchedPCK()
    metric.process({}, [dict(gt_instances={}, pred_instances={})])
    assert metric.evaluate(1)['PCK'] == 1


def test_matched_pck_waits_for_nobody(monkeypatch):
    """The hook evaluates after each image, and not every process has as many."""
    for name in ('collect_results', 'broadcast_object_list'):
        monkeypatch.delattr(f'mmengine.evaluator.metric.{name}')
    assert pck([]) == 0
