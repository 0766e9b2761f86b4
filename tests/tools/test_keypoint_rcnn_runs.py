"""Keypoint R-CNN through the same data, runner, metrics, demo and inferencers as DirectPose."""

import json
import re

import numpy as np
import pytest
import torch
from directpose.apis.inference import detect, load_model, read_image
from helpers.commands import ROOT, call, mim
from mmengine.config import Config
from mmpose.apis import MMPoseInferencer, inference_bottomup, init_model
from mmpose.registry import DATASETS

CONFIG = ROOT / 'configs/keypoint_rcnn/keypoint-rcnn_tiny_1xb4-5e_synthetic-256x320.py'


@pytest.fixture(scope='module')
def folder(synthetic_set, tmp_path_factory):
    """A folder with a config that points the small model to the small set."""
    folder = tmp_path_factory.mktemp('keypoint_rcnn')
    loaders = [
        f'{split}_dataloader = dict(num_workers=0, persistent_workers=False, '
        f'dataset=dict(data_root="{synthetic_set}/"))'
        for split in ('train', 'val', 'test')
    ]
    metrics = [
        f'{split}_evaluator = [{{**m, "ann_file": "{synthetic_set}/annotations/val.json"}} '
        f'for m in _base_.{split}_evaluator]'
        for split in ('val', 'test')
    ]
    limits = 'model = dict(test_cfg=dict(rcnn=dict(score_thr=0.0, max_per_img=5)))'
    lines = [f'_base_ = "{CONFIG}"', 'train_cfg = dict(max_epochs=1)', limits, *loaders, *metrics]
    (folder / 'own.py').write_text('\n'.join(lines))
    return folder


@pytest.fixture(scope='module')
def trained(folder):
    """Its work dir, after an epoch by mim."""
    mim('train', 'mmpose', 'own.py', '--gpus', 0, '--work-dir', 'work', cwd=folder)
    return folder / 'work'


def scalars(work_dir):
    """All that was logged."""
    (path,) = work_dir.glob('*/vis_data/scalars.json')
    return {k: v for line in path.read_text().splitlines() for k, v in json.loads(line).items()}


def test_training_and_both_metrics(trained):
    assert (trained / 'epoch_1.pth').exists()
    scores = scalars(trained)
    for name in ('loss_rpn_cls', 'loss_cls', 'loss_bbox', 'loss_keypoint'):
        assert np.isfinite(scores[name]), name
    assert scores['loss_keypoint'] < 9  # log(56 * 56) = 8.05 at first
    assert 0 <= scores['coco/AP'] <= 1 and 0 <= scores['coco/bbox_mAP'] <= 1


def test_mim_test_agrees_with_the_validation(trained, folder):
    arguments = ['-C', 'work/epoch_1.pth', '--gpus', 0, '--work-dir', 'tested']
    printed = mim('test', 'mmpose', 'own.py', *arguments, cwd=folder)
    expected = scalars(trained)
    for name in ('AP', 'AR', 'bbox_mAP'):
        assert float(re.search(rf'coco/{name}: (\S+)', printed)[1]) == pytest.approx(
            expected[f'coco/{name}'], abs=1e-6
        )


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        ('train_dataloader.dataset.ann_file=annotations/nowhere.json', 'cannot read'),
        ('train_dataloader.dataset.data_prefix.img=nowhere/', '8 of 8 images cannot be used'),
        ('model.roi_head.keypoint_head.num_keypoints=14', 'roi_head.keypoint_head.num_keypoints'),
        ('model.metainfo.from_file=configs/_base_/datasets/ap10k.py', 'the model predicts'),
    ],
)
def test_train_tells_what_is_wrong(folder, change, words):
    options = ['--work-dir', folder / 'wrong', '--cfg-options', change]
    assert words in call('train', folder / 'own.py', *options).stderr


def test_demo_refuses_a_checkpoint_of_another_model(trained, synthetic_set):
    context = ROOT / 'configs/keypoint_rcnn/keypoint-rcnn_tiny-gcm_1xb4-5e_synthetic-256x320.py'
    done = call('demo', context, trained / 'epoch_1.pth', synthetic_set / 'images')
    assert 'is of another model or skeleton' in done.stderr


def test_demo_and_inferencer_find_the_same(trained, synthetic_set):
    config, checkpoint = str(trained / 'own.py'), str(trained / 'epoch_1.pth')
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
