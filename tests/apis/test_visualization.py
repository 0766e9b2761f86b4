"""Pictures on images of any size, and of images with many people."""

import json

import cv2
import numpy as np
import pytest
from directpose.apis.visualization import (
    PeopleVisualizer,
    build_visualizer,
    confident,
    draw,
    draw_tracked,
)
from directpose.engine.bad_case_hook import BadCaseHook
from helpers.commands import CONFIG
from mmengine.structures import InstanceData
from mmpose.apis import init_model
from mmpose.registry import DATASETS
from mmpose.structures import PoseDataSample


def sample_with(scores, size):
    """People at the same place with these scores; a keypoint scores as high as its person."""
    scores, (height, width) = np.float32(scores), size
    keypoints = np.random.default_rng(0).uniform(0.2, 0.8, (17, 2)) * (width, height)
    box = np.float32([0.2 * width, 0.2 * height, 0.8 * width, 0.8 * height])
    sample = PoseDataSample()
    sample.pred_instances = InstanceData(
        keypoints=np.repeat(keypoints[None], len(scores), 0),
        keypoints_visible=np.repeat(scores[:, None], 17, 1),
        bboxes=np.repeat(box[None], len(scores), 0),
        bbox_scores=scores,
    )
    return sample


@pytest.fixture(scope='module')
def visualizer():
    options = dict(radius=2, line_width=1, text_color=None)
    visualizer = PeopleVisualizer.get_instance('pictures', **options)
    dataset = DATASETS.build(dict(type='CocoKeypointDataset', lazy_init=True))
    visualizer.set_dataset_meta(dataset.metainfo)
    return visualizer


@pytest.mark.parametrize('size', [(240, 320), (480, 640), (3000, 4000)])
def test_lines_grow_with_the_image(visualizer, size):
    """A person covers a like share of the pixels, whatever the size; width and radius come back."""
    black = np.zeros((*size, 3), np.uint8)
    picture = visualizer.add_datasample('', black, sample_with([0.9], size), draw_gt=False)
    share = (picture > 0).any(-1).mean()
    assert 0.004 < share < 0.06
    assert (visualizer.radius, visualizer.line_width) == (2, 1)
    assert not black.any()


def test_people_of_low_scores_are_not_drawn(visualizer):
    size = (240, 320)
    black = np.zeros((*size, 3), np.uint8)

    def picture(*scores):
        sample = sample_with(scores, size)
        return visualizer.add_datasample('', black, sample, draw_gt=False, draw_bbox=True)

    assert not picture(0.3, 0.1).any()
    assert np.array_equal(picture(0.9, 0.2, 0.1), picture(0.9))
    sample = sample_with([0.9, 0.2], size)
    assert len(confident(sample, 0.3).pred_instances) == 1 and len(sample.pred_instances) == 2


def test_keypoints_of_low_scores_are_not_drawn(visualizer):
    sample = sample_with([0.9], (240, 320))
    sample.pred_instances.keypoints_visible[0, 1:] = 0.1
    black = np.zeros((240, 320, 3), np.uint8)
    few, all_of_them = (draw(visualizer, black, sample, thr).any(-1).sum() for thr in (0.3, 0.05))
    assert 0 < few < all_of_them / 10


def test_visualizers_of_the_demo(root):
    """--score-thr decides who is drawn, and the colours of a video are not those of a picture."""
    model = init_model(str(root / CONFIG), device='cpu')
    pictures, video = build_visualizer(model), build_visualizer(model)
    assert pictures.score_thr == 0
    colors = np.array(pictures.kpt_color)
    draw_tracked(video, np.zeros((240, 320, 3), np.uint8), sample_with([0.9], (240, 320)), 0.3, [0])
    assert np.array_equal(pictures.kpt_color, colors)
    assert not np.array_equal(video.kpt_color, colors)


def test_a_bad_case_with_many_people_has_a_short_name(tmp_path, visualizer):
    """mmpose writes all boxes into the name: «File name too long» with a dozen people."""
    hook = BadCaseHook(
        enable=True,
        out_dir=str(tmp_path / 'badcase'),
        metric_type='accuracy',
        metric=dict(type='MatchedPCK'),
        metric_key='PCK',
        badcase_thr=0.5,
    )
    hook._visualizer = visualizer
    path = tmp_path / f'{"x" * 200}.jpg'
    cv2.imwrite(str(path), np.zeros((240, 320, 3), np.uint8))
    sample = sample_with([0.9] * 40, (240, 320))
    way_back = dict(input_size=(320, 240), input_center=(160, 120), input_scale=(320, 240))
    sample.set_metainfo(dict(img_path=str(path), **way_back))
    sample.gt_instances = sample.pred_instances.clone()
    sample.gt_instances.keypoints = sample.pred_instances.keypoints + 500
    runner = type('Runner', (), dict(work_dir=str(tmp_path), timestamp='now'))
    runner.test_evaluator = type('Evaluator', (), dict(dataset_meta=visualizer.dataset_meta))
    for _ in range(2):
        hook.after_test_iter(runner, 0, {}, [sample])
    hook.after_test_epoch(runner)
    names = sorted(p.name for p in (tmp_path / 'badcase').glob('*.jpg'))
    assert names == [f'00000{n}_{"x" * 100}_PCK0.00.jpg' for n in (1, 2)]
    bad = json.loads((tmp_path / 'badcase/results.json').read_text())
    assert [case['img'] for case in bad] == [str(path)] * 2 and bad[0]['PCK'] == 0
