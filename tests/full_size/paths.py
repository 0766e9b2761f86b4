"""The paths that each config of :mod:`harness` is taken along; each is a test of a subclass."""

import json

import numpy as np
from helpers.commands import call
from mmpose.apis import MMPoseInferencer, Pose2DInferencer

from .harness import last_checkpoint


class EveryPath:
    """Train, resume, test, draw, detect, with the tools that a user calls."""

    def test_train_and_resume(self, run):
        _, work_dir = run
        assert last_checkpoint(work_dir).endswith('_2.pth')
        logs = [path.read_text() for path in work_dir.glob('*/vis_data/scalars.json')]
        lines = [json.loads(line) for log in logs for line in log.splitlines()]
        losses = [line['loss'] for line in lines if 'loss' in line]
        assert len(losses) == 2 and np.isfinite(losses).all()

    def test_test_with_pictures_and_bad_cases(self, run):
        """With the config's metrics, and its test-time augmentation if it has one."""
        config, work_dir = run
        out = work_dir / 'metrics.json'
        done = call(
            *('test', config, last_checkpoint(work_dir), '--work-dir', work_dir / 'test'),
            *('--out', out, '--show-dir', 'pictures', '--cfg-options'),
            *('default_hooks.badcase.enable=True', 'default_hooks.badcase.badcase_thr=1.0'),
            'visualizer.score_thr=0.0',
        )
        assert done.returncode == 0, done.stderr
        metrics = json.loads(out.read_text())
        assert metrics and all(-1 <= value <= 1 for value in metrics.values())
        pictures = work_dir / 'test'
        assert len(list(pictures.glob('*/pictures/*.jpg'))) == 2
        assert len(list(pictures.glob('*/badcase/*.jpg'))) == 2

    def test_demo_and_infer(self, run, path):
        config, work_dir = run
        images, out = config.parent / 'images', work_dir / 'out'
        common = (config, last_checkpoint(work_dir), images, '--score-thr', 0)
        assert call('demo', *common, '--out', out / 'demo').returncode == 0
        found = json.loads((out / 'demo/predictions.json').read_text())
        assert len(found['images']) == 2 and found['annotations']
        assert len(list((out / 'demo').glob('*.jpg'))) == 2
        done = call('infer', *common, '--out', out / 'infer', '--workers', 0, '--batch', 1)
        assert done.returncode == 0, done.stderr
        (part,) = (out / 'infer').glob('*/part-*.jsonl')
        people = [json.loads(line)['people'] for line in part.open()]
        expected = np.array([a['keypoints'] for a in found['annotations']])
        got = np.array([p['keypoints'] for image in people for p in image])
        np.testing.assert_allclose(got, expected, atol=1e-2)

    def test_inferencers(self, run):
        config, work_dir = run
        image, weights = str(config.parent / 'images/000001.jpg'), last_checkpoint(work_dir)
        alone = Pose2DInferencer(str(config), weights, device='cpu')
        whole = MMPoseInferencer(pose2d=str(config), pose2d_weights=weights, device='cpu')
        results = [next(inferencer(image, return_vis=True)) for inferencer in (alone, whole)]
        first, second = (np.array([p['keypoints'] for p in r['predictions'][0]]) for r in results)
        assert first.size and np.array_equal(first, second)
        assert results[0]['visualization'][0].shape == (240, 320, 3)
