"""At home in OpenMMLab: mim, a user's own config, inferencers, hooks and analysis tools."""

import json
import os
import shutil
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from directpose.apis.video import VideoWriter
from helpers.commands import CONFIG, ROOT, data_options, mim, python, run
from mmpose.apis import MMPoseInferencer, Pose2DInferencer, inference_bottomup, init_model

# Boxes as well as keypoints, with a metric for each
OWN_CONFIG = """
_base_ = __import__('directpose').config_path(
    'directpose/directpose_tiny_1xb4-5e_synthetic-256x320.py')

model = dict(bbox_head=dict(loss_bbox=dict(type='mmdet.GIoULoss')))
ann_file = '{data}/annotations/val.json'
val_evaluator = [
    dict(_base_.val_evaluator, ann_file=ann_file),
    dict(type='PersonBoxMetric', ann_file=ann_file)
]
test_evaluator = val_evaluator
"""


def options_for_lists(synthetic_set):
    """Options that point a config with a list of metrics to the set."""
    return [o for o in data_options(synthetic_set) if 'evaluator' not in o]


@pytest.fixture(scope='module')
def installed(tmp_path_factory):
    """The package as pip installs it, without a clone beside it."""
    source, target = (tmp_path_factory.mktemp(name) for name in ('source', 'target'))
    for name in ('setup.cfg', 'pyproject.toml', 'README.md', 'LICENSE'):
        shutil.copy(ROOT / name, source)
    for name in ('projects', 'configs'):
        shutil.copytree(ROOT / name, source / name, symlinks=True)
    pip = [sys.executable, '-m', 'pip', 'install', '--no-build-isolation', '--no-deps']
    done = run(*pip, '--target', target, source)
    assert done.returncode == 0, done.stderr[-3000:]
    return target


@pytest.fixture(scope='module')
def own(installed, synthetic_set, tmp_path_factory):
    """A folder elsewhere with a config that inherits from an installed one, trained by mim."""
    folder = tmp_path_factory.mktemp('elsewhere')
    (folder / 'own.py').write_text(OWN_CONFIG.format(data=synthetic_set))
    environment = dict(os.environ, PYTHONPATH=str(installed))
    mim(
        *('train', 'mmpose', 'own.py', '--gpus', 0, '--work-dir', 'work'),
        *('--cfg-options', *options_for_lists(synthetic_set)),
        cwd=folder,
        env=environment,
    )
    return folder


def test_mim_test_with_an_own_config(own, installed, synthetic_set):
    printed = mim(
        *('test', 'mmpose', 'own.py', '-C', 'work/epoch_1.pth', '--gpus', 0),
        *('--work-dir', 'tested', '--cfg-options', *options_for_lists(synthetic_set)),
        cwd=own,
        env=dict(os.environ, PYTHONPATH=str(installed)),
    )
    assert 'coco/AP:' in printed and 'coco/bbox_mAP:' in printed
    assert str(ROOT) not in (own / 'work/own.py').read_text()


def test_mim_tells_what_does_not_fit_before_the_first_iteration(own, synthetic_set):
    other = 'model.metainfo.from_file=configs/_base_/datasets/posetrack18.py'
    done = run(
        *(Path(sys.executable).parent / 'mim', 'train', 'mmpose', 'own.py', '--gpus', 0),
        *('--work-dir', 'wrong', '--cfg-options', *options_for_lists(synthetic_set), other),
        'model.bbox_head.kpt_predictor.groups=None',
        cwd=own,
    )
    assert done.returncode != 0 and 'Epoch(train)' not in done.stdout
    words = 'the model predicts head_bottom as keypoint 1, but in the metainfo of CocoKeypoint'
    assert f'InputError: {words}' in done.stderr


def test_mim_test_refuses_a_checkpoint_of_another_model(own, trained, synthetic_set):
    done = run(
        *(Path(sys.executable).parent / 'mim', 'test', 'mmpose', 'own.py', '--gpus', 0),
        *('-C', trained / 'epoch_1.pth', '--work-dir', 'wrong'),
        *('--cfg-options', *options_for_lists(synthetic_set)),
        cwd=own,
    )
    assert done.returncode != 0 and 'Epoch(test)' not in done.stdout
    assert 'is of another model or skeleton than the config' in done.stderr


def test_two_metrics_in_the_log_in_tensorboard_and_in_the_json(own, synthetic_set, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    done = python(
        *('tools/test.py', own / 'own.py', own / 'work/epoch_1.pth', '--work-dir', tmp_path),
        *('--out', tmp_path / 'metrics.json', '--cfg-options', *options_for_lists(synthetic_set)),
    )
    assert done.returncode == 0, done.stderr[-3000:]
    metrics = json.loads((tmp_path / 'metrics.json').read_text())
    names = ['coco/AP', 'coco/AR', 'coco/bbox_mAP', 'coco/bbox_mAP_50']
    assert set(names) <= set(metrics)
    log = next(tmp_path.glob('*/*.log')).read_text()
    scalars = {}
    for events in tmp_path.glob('*/vis_data/events*'):
        reader = EventAccumulator(str(events))
        reader.Reload()
        scalars |= {tag: reader.Scalars(tag)[-1].value for tag in reader.Tags()['scalars']}
    for name in names:
        assert f'{name}: ' in log
        assert scalars[name] == pytest.approx(metrics[name])


@pytest.fixture(scope='module')
def video(synthetic_set, tmp_path_factory):
    path = tmp_path_factory.mktemp('video') / 'people.mp4'
    image = cv2.imread(str(synthetic_set / 'images/000001.jpg'))[:192, :192]
    with VideoWriter(str(path), 10) as writer:
        for shift in range(4):
            writer.write(np.roll(image, 2 * shift, 1))
    return path


@pytest.mark.parametrize('kind', [Pose2DInferencer, MMPoseInferencer])
def test_inferencers(kind, trained, synthetic_set, video, tmp_path):
    """On an image, a folder and a video; the people are those of the plain function."""
    config, checkpoint = str(ROOT / CONFIG), str(trained / 'epoch_1.pth')
    names = ('model', 'weights') if kind is Pose2DInferencer else ('pose2d', 'pose2d_weights')
    inferencer = kind(**dict(zip(names, (config, checkpoint), strict=True)), device='cpu')
    image = str(synthetic_set / 'images/000001.jpg')
    found = inference_bottomup(init_model(config, checkpoint, device='cpu'), image)[0]
    result = next(inferencer(image, vis_out_dir=str(tmp_path / 'one')))['predictions'][0]
    assert len(result) == len(found.pred_instances)
    for ours, theirs in zip(found.pred_instances.keypoints, result, strict=True):
        assert np.allclose(ours, theirs['keypoints'])

    folder, count = str(synthetic_set / 'images'), len(os.listdir(synthetic_set / 'images'))
    assert len(list(inferencer(folder, vis_out_dir=str(tmp_path / 'many')))) == count
    assert len(list((tmp_path / 'many').rglob('*.jpg'))) == count
    assert len(list(inferencer(str(video), vis_out_dir=str(tmp_path / 'film')))) == 4
    with_people = cv2.VideoCapture(str(next((tmp_path / 'film').rglob('*.mp4'))))
    assert with_people.get(cv2.CAP_PROP_FRAME_COUNT) == 4


def test_bad_cases(trained, synthetic_set, tmp_path):
    done = python(
        *('tools/test.py', CONFIG, trained / 'epoch_1.pth', '--work-dir', tmp_path),
        *('--cfg-options', *data_options(synthetic_set)),
        *('default_hooks.badcase.enable=True', 'default_hooks.badcase.badcase_thr=0.99'),
    )
    assert done.returncode == 0, done.stderr[-3000:]
    (results,) = tmp_path.glob('*/badcase/results.json')
    bad = json.loads(results.read_text())
    assert len(bad) == 4 and all(0 <= case['PCK'] <= 0.99 for case in bad)
    assert len(list(results.parent.glob('*.jpg'))) == 4


def test_flops_count_the_keypoint_tower():
    printed = mim('run', 'mmpose', 'get_flops', CONFIG, '--input-shape', 256, 320)
    flops = float(printed.split('Flops: ')[1].split('G')[0])
    tower = next(line for line in printed.splitlines() if 'bbox_head.kpt_tower ' in line)
    assert 0.5 < flops < 1.5 and float(tower.split('|')[3].strip(' G')) > 0.1


def test_log_plots_and_dataset_pictures(trained, synthetic_set, tmp_path):
    (scalars,) = trained.glob('*/vis_data/scalars.json')
    curve = tmp_path / 'curve.png'
    mim(
        *('run', 'mmpose', 'analyze_logs', 'plot_curve', scalars),
        *('--keys', 'loss_kpt', '--out', curve),
    )
    assert cv2.imread(str(curve)).std() > 1
    mim(
        *('run', 'mmpose', 'browse_dataset', CONFIG, '--output-dir', tmp_path / 'pictures'),
        *('--not-show', '--mode', 'transformed', '--phase', 'train'),
        *('--cfg-options', *data_options(synthetic_set)),
    )
    pictures = list((tmp_path / 'pictures').iterdir())
    assert len(pictures) == 8 and cv2.imread(str(pictures[0])).std() > 10
