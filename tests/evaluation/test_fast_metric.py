"""FastCocoMetric gives the numbers of mmpose's CocoMetric, to the last digit."""

import json

import numpy as np
import pytest
from directpose.evaluation import FastCocoMetric
from mmengine.evaluator import Evaluator
from mmpose.evaluation.metrics import CocoMetric

SIGMAS = np.array(
    [26, 25, 25, 35, 35, 79, 79, 72, 72, 62, 62, 107, 107, 87, 87, 89, 89]
) / 1000  # fmt: skip


def make_truth(rng, images=12, **fields):
    """People of all sizes, some without labelled keypoints, and some crowds."""
    records, annotations = [], []
    for image_id in range(1, images + 1):
        records.append(
            dict(
                id=image_id,
                file_name=f'{image_id}.jpg',
                width=640,
                height=480,
                crowdIndex=rng.random(),
            )
        )
        for _ in range(rng.integers(0, 6)):
            size = rng.uniform(15, 300)
            corner = rng.uniform(0, 300, 2)
            visible = rng.choice([0, 1, 2], 17) * (rng.random() > 0.15)
            points = np.column_stack([corner + rng.random((17, 2)) * size, visible])
            points[visible == 0] = 0
            annotation = dict(
                id=len(annotations) + 1,
                image_id=image_id,
                category_id=1,
                bbox=[*corner, size, size],
                area=0.5 * size**2,
                iscrowd=int(rng.random() < 0.1),
                num_keypoints=int((visible > 0).sum()),
                keypoints=points.ravel().tolist(),
            )
            annotations.append(annotation)
    return dict(images=records, annotations=annotations, categories=[dict(id=1, name='person')])


def samples_of(rng, truth, noise=0.03):
    """Predictions: most people, moved a little, and some who are nobody."""
    for image in truth['images']:
        people = [a for a in truth['annotations'] if a['image_id'] == image['id']]
        poses, boxes = [], []
        for annotation in [*people, *people[:1]] * (rng.random() > 0.1):
            points = np.reshape(annotation['keypoints'], (-1, 3))[:, :2].copy()
            points += rng.normal(0, noise * annotation['bbox'][2], points.shape)
            poses.append(points)
            x, y, w, h = annotation['bbox']
            boxes.append([x, y, x + w, y + h])
        count = len(poses)
        found = dict(
            keypoints=np.array(poses).reshape(count, 17, 2),
            # a fifth of the people have no keypoint at all, and do not count
            keypoint_scores=rng.random((count, 17)) * (rng.random((count, 1)) > 0.2),
            bboxes=np.array(boxes).reshape(count, 4),
            bbox_scores=rng.random(count),
            labels=np.zeros(count, int),
        )
        common = dict(id=[image['id']], img_id=image['id'], ori_shape=(480, 640), gt_instances={})
        yield common | dict(pred_instances=found)


def run(kind, path, samples, sigmas, **options):
    options = dict(score_mode='bbox', nms_mode='none') | options
    metric = kind(ann_file=str(path), **options)
    evaluator = Evaluator([metric])
    evaluator.dataset_meta = dict(
        num_keypoints=17, sigmas=sigmas, CLASSES=('person',), dataset_name='x'
    )
    for sample in samples:
        evaluator.process([sample])
    return evaluator.evaluate(len(samples))


@pytest.mark.parametrize(
    ('sigmas', 'options'),
    [
        (SIGMAS, {}),
        (np.full(17, 0.05), {}),
        (SIGMAS, dict(use_area=False)),
        (SIGMAS, dict(iou_type='keypoints_crowd', use_area=False)),
        (SIGMAS, dict(score_mode='bbox_keypoint')),
    ],
)
@pytest.mark.parametrize('seed', [0, 1])
def test_the_same_numbers(sigmas, options, seed, tmp_path):
    rng = np.random.default_rng(seed)
    truth = make_truth(rng)
    (tmp_path / 'truth.json').write_text(json.dumps(truth))
    samples = list(samples_of(rng, truth))
    slow, fast = (
        run(kind, tmp_path / 'truth.json', samples, sigmas, **options)
        for kind in (CocoMetric, FastCocoMetric)
    )
    assert slow == pytest.approx(fast, abs=1e-12) and slow.keys() == fast.keys()
    assert 0 < fast['coco/AP'] < 1


def test_nobody_is_found(tmp_path):
    truth = make_truth(np.random.default_rng(0))
    (tmp_path / 'truth.json').write_text(json.dumps(truth))
    samples = list(samples_of(np.random.default_rng(0), truth))
    for sample in samples:
        people = sample['pred_instances']
        people['keypoint_scores'] = 0 * people['keypoint_scores']
    metrics = run(FastCocoMetric, tmp_path / 'truth.json', samples, SIGMAS)
    assert metrics['coco/AP'] == metrics['coco/AR'] == 0


def test_fake100(shared, tmp_path):
    folder = shared / 'data/coco_eval_fixtures/fake100'
    ann_file = folder / 'person_keypoints_val2014_100.json'
    found = json.loads(
        (folder / 'person_keypoints_val2014_fakekeypoints100_results.json').read_text()
    )
    (tmp_path / 'results.keypoints.json').write_text(json.dumps(found))
    values = []
    for kind in (CocoMetric, FastCocoMetric):
        metric = kind(ann_file=str(ann_file))
        metric.dataset_meta = dict(num_keypoints=17, sigmas=SIGMAS)
        values.append(dict(metric._do_python_keypoint_eval(str(tmp_path / 'results'))))
    assert values[0] == pytest.approx(values[1], abs=1e-12)
    expected = json.loads((folder / 'expected.json').read_text())['expected']
    assert round(values[1]['AP'], 3) == expected['AP']
