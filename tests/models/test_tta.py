"""Test-time augmentation: mirrored and scaled passes over an image become one list of people."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from directpose.apis.inference import with_augmentation
from directpose.engine import PoseTTAHook
from directpose.models.tta import merge_passes
from directpose.utils.errors import InputError
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmengine.structures import InstanceData
from mmpose.registry import MODELS
from torch.utils.data import ConcatDataset

FLIP = [1, 0, 2]  # left and right change places


def people(*boxes, scores, labels=None):
    boxes = np.array(boxes, dtype=np.float32).reshape(-1, 4)
    keypoints = np.stack([boxes[:, :2], boxes[:, 2:], boxes[:, :2]], 1)
    scores = np.array(scores, dtype=np.float32)
    return InstanceData(
        bboxes=boxes,
        bbox_scores=scores,
        labels=np.array(labels or [0] * len(boxes)),
        keypoints=keypoints,
        keypoint_scores=np.repeat(scores[:, None], 3, 1),
        keypoints_visible=np.repeat(scores[:, None], 3, 1),
    )


def test_a_person_of_two_passes_is_averaged_by_score():
    first = people((0, 0, 10, 20), scores=[0.9])
    second = people((0, 0, 10, 24), scores=[0.6])
    found = merge_passes([second, first], 0.6)
    assert found.bbox_scores == pytest.approx([0.9])
    height = (0.9 * 20 + 0.6 * 24) / 1.5
    assert found.bboxes == pytest.approx(np.array([[0, 0, 10, height]]))
    assert found.keypoints[0, 1] == pytest.approx([10, height])
    assert found.keypoint_scores[0, 0] == pytest.approx((0.9 * 0.9 + 0.6 * 0.6) / 1.5)


def test_people_of_one_pass_stay_apart():
    """Two who overlap so much survive the suppression of a pass only where its threshold lets
    them; then both are kept, also where the second pass saw only one of them."""
    crowd = people((0, 0, 10, 20), (0, 0, 10, 17), scores=[0.9, 0.8])
    alone = people((0, 0, 10, 19), scores=[0.7])
    found = merge_passes([crowd, alone], 0.6)
    assert len(found) == 2 and found.bbox_scores.tolist() == pytest.approx([0.9, 0.8])
    assert found.bboxes[1].tolist() == [0, 0, 10, 17]


def test_nobody_is_lost():
    """Each pass sees one more; a tall person must not swallow the neighbours of other passes."""
    passes = [
        people((0, 0, 10, 20), (4, 0, 14, 20), scores=[0.9, 0.5]),
        people((2, 0, 12, 20), (4, 0, 14, 20), scores=[0.95, 0.6]),
        people((100, 0, 110, 20), scores=[0.1]),
    ]
    found = merge_passes(passes, 0.6)
    assert len(found) == 3
    assert found.bbox_scores.tolist() == pytest.approx([0.95, 0.6, 0.1])


def test_labels_are_kept_apart():
    passes = [people((0, 0, 10, 20), scores=[0.9], labels=[label]) for label in (0, 1)]
    assert len(merge_passes(passes, 0.6)) == 2


def test_nobody_at_all():
    nobody = people(scores=[])
    assert len(merge_passes([nobody, nobody], 0.6)) == 0
    one = people((0, 0, 10, 20), scores=[0.9])
    assert merge_passes([nobody, one], 0.6).keypoints.tolist() == one.keypoints.tolist()


def random_directpose(config):
    """A DirectPose of random weights that finds people everywhere."""
    config.model.test_cfg.score_thr = 0.0
    model = MODELS.build(config.model).eval()
    for module in model.bbox_head.modules():  # else all scores are alike
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.normal_(module.weight, std=0.1)
    return model, config.model.test_cfg.iou_thr


def random_keypoint_rcnn(config):
    """A Keypoint R-CNN of random weights that finds people everywhere."""
    config.model.test_cfg.rcnn.score_thr = 0.0
    return MODELS.build(config.model).eval(), config.model.test_cfg.rcnn.nms.iou_threshold


@pytest.fixture(
    scope='module',
    params=[
        ('directpose', 'r50_fpn_8xb4-100e_coco-800x1333_ms-test', random_directpose),
        ('keypoint-rcnn', 'r50_fpn_8xb2-3x_coco-800x1333_flip-test', random_keypoint_rcnn),
        ('keypoint-rcnn', 'r50_fpn_gcm_8xb2-3x_coco-800x1333_flip-test', random_keypoint_rcnn),
    ],
    ids=['DirectPose', 'Keypoint R-CNN', 'Keypoint R-CNN with context'],
)
def model(root, request):
    """A small model with the augmentation of a config of full size."""
    name, augmented, build = request.param
    folder = root / 'configs' / name.replace('-', '_')
    part = '-gcm' if 'gcm' in augmented else ''
    config = Config.fromfile(folder / f'{name}_tiny{part}_1xb4-5e_synthetic-256x320.py')
    tta = Config.fromfile(folder / f'{name}_{augmented}.py')
    config.tta_model, config.tta_pipeline = tta.tta_model, tta.tta_pipeline
    torch.manual_seed(0)
    model, config.tta_model.iou_thr = build(config)
    model.cfg, model.dataset_meta = config, None
    return model


def passes(model, short_sides, flip):
    """The config's pipeline with these scales, and mirrored passes or none."""
    load, augment = model.cfg.tta_pipeline
    return Compose([load, {**augment, 'short_sides': short_sides, 'flip': flip}])


def mirrored_pass(model, short_side):
    """The mirrored pass alone."""
    pipeline = passes(model, [short_side], flip=True)
    augment = pipeline.transforms[1]
    augment.subroutines = augment.subroutines[1:]
    return pipeline


def predict(model, pipeline, image, flip_indices):
    data = dict(img=image, img_path='', id=[0], img_id=0, flip_indices=flip_indices)
    with torch.no_grad():
        return model.test_step(pseudo_collate([pipeline(data)]))[0].pred_instances


def plain(model, image, short_side):
    load, resize, pack = model.cfg.val_pipeline
    resize = {**resize, 'short_side': short_side, 'long_side': short_side * 5 // 3}
    return predict(model, Compose([load, resize, pack]), image, None)


@pytest.fixture(scope='module')
def image():
    return np.random.default_rng(0).integers(0, 255, (75, 101, 3), dtype=np.uint8)


@pytest.fixture(scope='module')
def flip_indices():
    from directpose.datasets.metainfo import parse_metainfo

    return parse_metainfo(dict(from_file='configs/_base_/datasets/coco.py'))['flip_indices']


def test_one_scale_and_no_flip_is_plain_testing(model, image, flip_indices):
    tta = with_augmentation(model)
    found = predict(tta, passes(model, [96], flip=False), image, flip_indices)
    expected = plain(model, image, 96)
    assert len(expected) > 5 and len(found) == len(expected)
    for name, values in expected.items():
        assert np.array_equal(found[name], values), name


def test_flip_alone_maps_left_to_right_exactly(model, image, flip_indices):
    tta = with_augmentation(model)
    found = predict(tta, mirrored_pass(model, 96), image, flip_indices)
    mirrored = plain(model, np.ascontiguousarray(image[:, ::-1]), 96)
    assert len(mirrored) > 5
    expected = mirrored.keypoints[:, flip_indices]
    expected[..., 0] = image.shape[1] - 1 - expected[..., 0]
    assert np.array_equal(found.keypoints, expected)
    assert np.array_equal(found.bbox_scores, mirrored.bbox_scores)
    assert np.array_equal(found.keypoint_scores, mirrored.keypoint_scores[:, flip_indices])
    right = (image.shape[1] - 1 - mirrored.bboxes[:, 0]).clip(min=0)
    assert np.array_equal(found.bboxes[:, 2], right) and found.bboxes.min() == 0


def test_the_dataset_is_not_copied_for_each_pass(model, image, flip_indices):
    class Dataset:
        def __deepcopy__(self, memo):
            raise AssertionError

    data = dict(img=image, img_path='', id=[0], img_id=0, flip_indices=flip_indices)
    packed = passes(model, [64, 96], flip=True)(data | dict(dataset=Dataset()))
    assert [x.shape[-1] for x in packed['inputs']] == [86, 129, 86, 129]


def test_all_passes_together(model, image, flip_indices):
    tta = with_augmentation(model)
    tta.max_per_img = 1000
    found = predict(tta, passes(model, [64, 96], flip=True), image, flip_indices)
    counts = [len(plain(model, image, side)) for side in (64, 96)]
    assert len(found) >= max(counts)
    assert (np.diff(found.bbox_scores) <= 0).all()
    tta.max_per_img = 7
    assert len(predict(tta, passes(model, [64, 96], flip=True), image, flip_indices)) == 7


def test_the_long_side_has_a_limit(model, flip_indices):
    wide = dict(img=np.zeros((40, 200, 3), np.uint8), img_path='', id=[0], img_id=0)
    packed = passes(model, [64], flip=False)(wide | dict(flip_indices=flip_indices))
    assert packed['inputs'][0].shape[-1] == 64 * 5 // 3


def test_pipelines_in_a_wrapper_cannot_be_exchanged():
    dataset = ConcatDataset([[0], [1]])
    runner = SimpleNamespace(test_dataloader=SimpleNamespace(dataset=dataset))
    with pytest.raises(InputError, match='cannot exchange the pipelines in a ConcatDataset'):
        PoseTTAHook().before_test(runner)
