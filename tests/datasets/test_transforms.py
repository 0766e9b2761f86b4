"""Images and labels go through the same warp; boxes, crops and crowds."""

import cv2
import numpy as np
import pytest
import torch
from directpose.models.pose_results import to_original_pixels
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmengine.structures import InstanceData
from mmpose.registry import MODELS, TRANSFORMS

SHAPES = [(427, 640), (641, 427), (333, 500), (97, 1201), (1500, 1333), (1, 1), (480, 480)]


def results_of(shape, keypoints, visible=None, iscrowd=None):
    """What CocoDataset hands to the pipeline, for an image of noise."""
    keypoints = np.float32(keypoints)
    people, count = keypoints.shape[:2]
    visible = np.ones((people, count), np.float32) if visible is None else np.float32(visible)
    return dict(
        img=np.random.default_rng(0).integers(0, 255, (*shape, 3), dtype=np.uint8),
        img_shape=shape,
        ori_shape=shape,
        keypoints=keypoints,
        keypoints_visible=visible,
        bbox=np.concatenate([keypoints.min(1), keypoints.max(1)], 1),
        area=np.full(people, 100, np.float32),
        iscrowd=iscrowd or [0] * people,
        category_id=np.ones(people),
        flip_indices=list(range(count)),
        id=list(range(people)),
        img_id=1,
        img_path='',
    )


def spread(shape, people=2, count=5):
    rng = np.random.default_rng(1)
    return rng.uniform(0, (shape[1] - 1, shape[0] - 1), (people, count, 2))


def back(keypoints, meta):
    """Network-input keypoints in pixels of the original image."""
    people = InstanceData(
        keypoints=torch.from_numpy(keypoints), bboxes=torch.zeros(len(keypoints), 4)
    )
    return to_original_pixels(people, meta).keypoints.numpy()


@pytest.mark.parametrize('shape', SHAPES)
@pytest.mark.parametrize('sides', [(800, 1333), (256, 320)])
def test_image_to_network_to_image(shape, sides):
    keypoints = spread(shape)
    everything = (10**5, 10**5)
    crop = dict(
        type='RandomScaleCrop', short_side=sides[:1] * 2, long_side=sides[1], crop_size=everything
    )
    trained = TRANSFORMS.build(crop)(results_of(shape, keypoints))
    resize = dict(type='ResizeKeepRatio', short_side=sides[0], long_side=sides[1])
    tested = TRANSFORMS.build(resize)(results_of(shape, keypoints))
    assert np.array_equal(trained['img'], tested['img'])
    assert trained['img'].shape[:2] == trained['img_shape'] == trained['input_size'][::-1]
    assert min(tested['img_shape']) <= sides[0] and max(tested['img_shape']) <= sides[1] + 1
    assert np.array_equal(tested['keypoints'], np.float32(keypoints))  # for the metric
    for meta in (trained, tested):
        np.testing.assert_allclose(back(trained['keypoints'], meta), keypoints, atol=1e-3)


@pytest.mark.parametrize('shape', SHAPES[:5])
def test_a_crop_comes_back_too(shape):
    keypoints = spread(shape)
    np.random.seed(0)
    transform = TRANSFORMS.build(dict(type='RandomScaleCrop'))
    for _ in range(5):
        results = transform(results_of(shape, keypoints))
        assert max(results['img_shape']) <= 800
        np.testing.assert_allclose(back(results['keypoints'], results), keypoints, atol=1e-3)
        size = np.array(results['input_size'])
        inside = ((results['keypoints'] >= 0) & (results['keypoints'] < size)).all(-1)
        assert np.array_equal(results['keypoints_visible'] > 0, inside)
        assert (results['bbox'] >= 0).all() and (results['bbox'] <= np.tile(size, 2)).all()


def test_a_padded_batch_keeps_the_way_back(root):
    config = Config.fromfile(
        root / 'configs/directpose/directpose_r50_fpn_8xb4-100e_coco-800x1333.py'
    )
    pipeline = Compose(config.val_pipeline)
    shapes = SHAPES[:3]
    batch = pseudo_collate([pipeline(results_of(s, spread(s))) for s in shapes])
    preprocessor = MODELS.build(config.model.data_preprocessor)
    batch = preprocessor(batch, training=False)
    assert batch['inputs'].shape[0] == 3
    assert all(side % 32 == 0 for side in batch['inputs'].shape[-2:])
    for sample, shape in zip(batch['data_samples'], shapes, strict=True):
        scale = sample.input_size[0] / sample.input_scale[0]
        np.testing.assert_allclose(
            back(spread(shape) * scale, sample.metainfo), spread(shape), atol=1e-3
        )


def test_pixels_lie_where_the_keypoints_say():
    results = results_of((200, 300), [[[120, 80], [201, 50]]])
    results['img'][:] = 0
    for x, y in results['keypoints'][0].astype(int):
        cv2.circle(results['img'], (x, y), 3, (255, 255, 255), -1)
    np.random.seed(3)
    crop = dict(type='RandomScaleCrop', short_side=(300, 700), crop_size=(900, 600))
    results = TRANSFORMS.build(crop)(results)
    rows, columns = np.nonzero(results['img'][..., 0] > 127)
    for x, y in results['keypoints'][0]:
        near = np.hypot(columns - x, rows - y) < 30
        np.testing.assert_allclose([columns[near].mean(), rows[near].mean()], [x, y], atol=0.3)


def test_pseudo_boxes():
    keypoints = [[[10, 20], [30, 60], [500, 500]], [[0.5, 7], [9, 9], [9, 9]], [[1, 1]] * 3]
    visible = [[1, 1, 0], [1, 0, 0], [0, 0, 0]]
    results = TRANSFORMS.build(dict(type='PseudoBoxes'))(results_of((50, 100), keypoints, visible))
    assert results['bbox'].tolist() == [[9, 19, 32, 50], [0, 6, 2.5, 9], [0, 0, 0, 0]]
    assert results['bbox'].dtype == np.float32


def test_crowds_never_become_positives():
    results = results_of((50, 100), spread((50, 100)), iscrowd=[0, 1])
    results = TRANSFORMS.build(dict(type='IgnoreCrowds'))(results)
    assert results['keypoints_visible'].any(1).tolist() == [True, False]
    filtered = TRANSFORMS.build(dict(type='FilterAnnotations', keep_empty=False))(results)
    assert len(filtered['keypoints']) == 1


def test_flipping_twice_changes_nothing_and_once_swaps_sides():
    flip = TRANSFORMS.build(dict(type='RandomFlip', prob=1.0))
    results = results_of((50, 100), spread((50, 100), count=3))
    results['flip_indices'] = [0, 2, 1]
    keypoints, image = results['keypoints'].copy(), results['img'].copy()
    once = flip(dict(results))
    np.testing.assert_allclose(once['keypoints'][:, 1, 0], 99 - keypoints[:, 2, 0], atol=1e-4)
    twice = flip(once)
    np.testing.assert_allclose(twice['keypoints'], keypoints, atol=1e-4)
    assert np.array_equal(twice['img'], image)


def test_training_pipeline_of_an_image_without_people(root):
    config = Config.fromfile(
        root / 'configs/directpose/directpose_r50_fpn_8xb4-100e_coco-800x1333.py'
    )
    packed = Compose([dict(type='LoadImage'), *config.train_pipeline[1:]])(
        results_of((300, 400), spread((300, 400)), iscrowd=[1, 1])
    )
    labels = packed['data_samples'].gt_instance_labels
    assert labels.keypoints.shape == (0, 5, 2) and labels.bboxes.shape == (0, 4)


@pytest.mark.parametrize(
    ('kind', 'size', 'center'),
    [('ResizePixelAreas', (50, 33), [74.5, 49.5]), ('ResizeTorchvision', (49, 33), [75, 50])],
)
def test_sizes_are_rounded_as_by_the_reference_programs(kind, size, center):
    step = TRANSFORMS.build(dict(type=kind, short_side=33, long_side=999))
    done = step(dict(img=np.zeros((100, 150, 3), np.uint8)))
    assert done['input_size'] == size and done['input_center'].tolist() == center
