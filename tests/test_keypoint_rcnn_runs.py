"""Keypoint R-CNN through the same data, runner, metrics, demo and inferencers as DirectPose."""

import copy
import re

import numpy as np
import pytest
import torch
from commands import ROOT
from directpose.checks import check_config
from directpose.inference import detect, load_model, read_image
from mmengine.config import Config
from mmengine.runner import Runner
from mmpose.apis import MMPoseInferencer, inference_bottomup, init_model
from mmpose.registry import DATASETS

CONFIG = ROOT / 'configs/keypoint_rcnn/keypoint-rcnn_tiny_1xb4-5e_synthetic-256x320.py'


@pytest.fixture(scope='module')
def trained(synthetic_set, tmp_path_factory):
    """A work dir with the config, on the small set, and a checkpoint after one epoch."""
    work_dir = tmp_path_factory.mktemp('keypoint_rcnn')
    config = Config.fromfile(CONFIG)
    for split in ('train', 'val', 'test'):
        loader = config[f'{split}_dataloader']
        loader.update(num_workers=0, persistent_workers=False)
        loader.dataset.data_root = f'{synthetic_set}/'
    for split in ('val', 'test'):
        for metric in config[f'{split}_evaluator']:
            metric.ann_file = f'{synthetic_set}/annotations/val.json'
    config.merge_from_dict(
        {
            'work_dir': str(work_dir),
            'experiment_name': re.sub(r'\W', '', str(work_dir)),
            'train_cfg.max_epochs': 1,
            'model.test_cfg.rcnn.score_thr': 0.0,
            'model.test_cfg.rcnn.max_per_img': 5,
        }
    )
    check_config(config, ('train', 'val', 'test'))
    config.dump(work_dir / 'config.py')
    runner = Runner.from_cfg(copy.deepcopy(config))
    runner.train()
    scores = {k: v.current() for k, v in runner.message_hub.log_scalars.items()}
    return work_dir, scores


def test_training_and_both_metrics(trained):
    work_dir, scores = trained
    assert (work_dir / 'epoch_1.pth').exists()
    for name in ('loss_rpn_cls', 'loss_cls', 'loss_bbox', 'loss_keypoint'):
        assert np.isfinite(scores[f'train/{name}']), name
    assert scores['train/loss_keypoint'] < 9  # log(56 * 56) = 8.05 at first
    assert 0 <= scores['val/coco/AP'] <= 1 and 0 <= scores['val/coco/bbox_mAP'] <= 1


def test_demo_and_inferencer_find_the_same(trained, synthetic_set):
    work_dir, _ = trained
    config, checkpoint = str(work_dir / 'config.py'), str(work_dir / 'epoch_1.pth')
    path = str(synthetic_set / 'images/000001.jpg')
    plain = inference_bottomup(init_model(config, checkpoint, device='cpu'), path)[0]
    expected = plain.pred_instances
    assert len(expected) == 5 and expected.keypoints.shape == (5, 17, 2)

    # scores of a model so young are all alike: which five are best is a matter of rounding
    fast = detect(load_model(config, checkpoint, 'cpu'), read_image(path), 0.0).pred_instances
    assert fast.keypoints.shape == (5, 17, 2)
    assert np.allclose(fast.bbox_scores, expected.bbox_scores, atol=1e-4)

    inferencer = MMPoseInferencer(pose2d=config, pose2d_weights=checkpoint, device='cpu')
    people = next(inferencer(path))['predictions'][0]
    assert np.allclose([p['keypoints'] for p in people], expected.keypoints)


def test_crowds_are_left_out_and_people_without_keypoints_stay(synthetic_set):
    config = Config.fromfile(CONFIG)
    dataset = DATASETS.build({**config.train_dataloader.dataset, 'data_root': f'{synthetic_set}/'})
    results = max(
        (dataset.get_data_info(i) for i in range(len(dataset))), key=lambda r: len(r['bbox'])
    )
    count = len(results['bbox'])
    assert count > 2
    results['iscrowd'][0] = 1
    results['keypoints_visible'][1] = 0
    results['bbox'][:] = [20, 20, 90, 120]  # inside of every crop
    results['dataset'] = dataset
    torch.manual_seed(0)
    np.random.seed(0)
    labels = dataset.pipeline(results)['data_samples'].gt_instance_labels
    assert len(labels) == count - 1
    assert (labels.keypoints_visible > 0).any(1).sum() < len(labels)
