"""From the network's outputs to the numbers: the real output path and the real metric."""

import json

import numpy as np
import pytest
import torch
from directpose.models import DirectPose
from directpose.models.directpose.coder import encode_keypoints
from directpose.models.directpose.sparse_maps import PyramidShape
from helpers.builders import TEST_CFG, build_head
from mmengine.config import Config
from mmengine.dataset import Compose
from mmpose.registry import DATASETS, METRICS

FAKE100 = 'data/coco_eval_fixtures/fake100'
NAMES = ('AP', 'AP .5', 'AP .75', 'AP (M)', 'AP (L)', 'AR', 'AR .5', 'AR .75', 'AR (M)', 'AR (L)')


@pytest.fixture(scope='module')
def config(root):
    return Config.fromfile(
        root / 'configs/directpose/directpose_r50_fpn_8xb4-100e_coco-800x1333.py'
    )


def build_metric(config, ann_file):
    metric = METRICS.build({**config.val_evaluator, 'ann_file': str(ann_file)})
    dataset = {**config.val_dataloader.dataset, 'lazy_init': True, 'pipeline': []}
    metric.dataset_meta = DATASETS.build(dataset).metainfo
    return metric


def process(metric, img_id, people):
    sample = dict(id=[img_id], img_id=img_id, gt_instances={}, pred_instances=people)
    metric.process({}, [sample])


def array_people(keypoints, scores):
    """Predicted people as numpy fields."""
    keypoints = np.asarray(keypoints, dtype=np.float64).reshape(-1, 17, 2)
    return dict(
        keypoints=keypoints,
        keypoint_scores=np.ones(keypoints.shape[:2]),
        bboxes=np.concatenate([keypoints.min(1), keypoints.max(1)], 1).reshape(-1, 4),
        bbox_scores=np.asarray(scores, dtype=np.float64),
    )


class GroundTruthKeypoints(torch.nn.Module):
    """Stands in for the keypoint predictor: the right offsets at the locations of the people."""

    in_channels = 24
    feature_groups = 1

    def __init__(self, offsets):
        super().__init__()
        self.offsets = offsets  # (level, column, row) -> (K, 2), in strides

    def forward(self, tables, locations):
        offsets = [self.offsets[place] for place in places_of(locations)]
        offsets = torch.stack(offsets) if offsets else torch.zeros(0, 17, 2)
        return offsets, offsets[..., :0]


def places_of(locations):
    """(level, column, row) of each location."""
    return [tuple(p) for p in torch.cat([locations.levels[:, None], locations.cells], 1).tolist()]


def perfect_outputs(head, keypoints, input_shape):
    """Maps and predictor of a head that sees people (G, K, 2) of the network input."""
    sizes = [
        tuple(-(-side // stride) for side in input_shape)
        for stride, _ in head.prior_generator.strides
    ]
    maps = [torch.full((1, 1, *size), -20.0) for size in sizes]
    priors = head._priors(maps)
    offsets = {}
    for person in keypoints:
        centre = (person.amin(0) + person.amax(0)) / 2
        order = (priors[:, :2] - centre).norm(dim=1).argsort().tolist()
        point = next(p for p in order if p not in offsets)
        offsets[point] = encode_keypoints(
            person[None], priors[point, None, :2], priors[point, 2:3]
        )[0]
    scores = torch.cat([m.flatten() for m in maps])
    scores[list(offsets)] = 10.0
    parts = scores.split([h * w for h, w in sizes])
    maps = [part.reshape(1, 1, *size) for part, size in zip(parts, sizes, strict=True)]
    points = torch.tensor(list(offsets))
    places = places_of(PyramidShape.of(maps).locations(torch.zeros_like(points), points))
    head.kpt_predictor = GroundTruthKeypoints(dict(zip(places, offsets.values(), strict=True)))
    return dict(cls_scores=maps, centernesses=maps, kpt_tables=None)


def test_ground_truth_as_prediction(config, synthetic_set):
    """Labels -> stride units -> decoding, NMS, original pixels, data sample -> metric: AP 1."""
    ann_file = synthetic_set / 'annotations/val.json'
    metric = build_metric(config, ann_file)
    pipeline = Compose(config.val_pipeline)
    # People who overlap must survive: the test is of coordinates, not of the suppression.
    head = build_head(test_cfg=TEST_CFG | dict(iou_thr=1.0))
    coco = json.loads(ann_file.read_text())
    for image in coco['images']:
        packed = pipeline(dict(img_path=str(synthetic_set / 'images' / image['file_name'])))
        sample = packed['data_samples']
        keypoints = [a['keypoints'] for a in coco['annotations'] if a['image_id'] == image['id']]
        keypoints = torch.tensor(keypoints, dtype=torch.float32).reshape(-1, 17, 3)[..., :2]
        scale = sample.input_size[0] / sample.input_scale[0]
        outs = perfect_outputs(head, keypoints * scale, sample.img_shape)
        found = head.predict_by_feat(outs, [sample.metainfo], rescale=True)
        sample = DirectPose.add_pred_to_datasample(None, [sample], found)[0]
        process(metric, image['id'], sample.to_dict()['pred_instances'])
    scores = metric.evaluate(len(coco['images']))
    assert scores['coco/AP'] == pytest.approx(1) and scores['coco/AR'] == pytest.approx(1)


def test_published_numbers_of_fake100(config, shared):
    """100 images with the published results of COCO's own evaluation."""
    folder = shared / FAKE100
    ann_file = folder / 'person_keypoints_val2014_100.json'
    results = json.loads(
        (folder / 'person_keypoints_val2014_fakekeypoints100_results.json').read_text()
    )
    metric = build_metric(config, ann_file)
    images = json.loads(ann_file.read_text())['images']
    for image in images:
        found = [r for r in results if r['image_id'] == image['id']]
        keypoints = [np.reshape(r['keypoints'], (17, 3))[:, :2] for r in found]
        people = array_people(keypoints, [r['score'] for r in found]) if found else None
        process(metric, image['id'], people or array_people(np.zeros((0, 17, 2)), []))
    scores = metric.evaluate(len(images))
    published = json.loads((folder / 'expected.json').read_text())['expected']
    theirs = ('AP', 'AP50', 'AP75', 'APm', 'APl', 'AR', 'AR50', 'AR75', 'ARm', 'ARl')
    for ours, name in zip(NAMES, theirs, strict=True):
        assert round(scores[f'coco/{ours}'], 3) == published[name], name


def test_no_prediction_in_the_whole_set(config, synthetic_set):
    ann_file = synthetic_set / 'annotations/val.json'
    metric = build_metric(config, ann_file)
    images = json.loads(ann_file.read_text())['images']
    for image in images:
        process(metric, image['id'], array_people(np.zeros((0, 17, 2)), []))
    assert metric.evaluate(len(images))['coco/AP'] == 0
