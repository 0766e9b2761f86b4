"""Hook that draws the images with the worst predictions."""

from collections.abc import Sequence
from pathlib import Path

import mmcv
from mmengine import fileio
from mmengine.dist import get_rank, get_world_size
from mmengine.runner import Runner
from mmpose.engine.hooks import BadCaseAnalysisHook
from mmpose.registry import HOOKS
from mmpose.structures import PoseDataSample, merge_data_samples


@HOOKS.register_module()
class BadCaseHook(BadCaseAnalysisHook):
    """mmpose's hook with file names that any file system takes.

    mmpose writes the boxes of all people into the name, which is too long for a file of an image
    with many. Here it is the number of the image in the test, its name and the metric; results.json
    has the path.
    """

    def after_test_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict,
        outputs: Sequence[PoseDataSample],
    ) -> None:
        """Draw the images that are bad cases: ground truth in blue, predictions in red."""
        if not self.enable:
            return
        if batch_idx == 0:
            folder = Path(runner.work_dir, runner.timestamp, self.out_dir or 'badcase').resolve()
            if get_world_size() > 1:  # each process has images of its own
                folder /= f'process_{get_rank()}'
            self.out_dir = str(folder)  # the parent writes results.json there
        self._visualizer.set_dataset_meta(runner.test_evaluator.dataset_meta)
        for output in outputs:
            self._test_index += 1
            sample = merge_data_samples([output])
            is_bad, value = self.check_badcase(data_batch, sample)
            if is_bad:
                path = output.img_path
                metric = f'{self.metric_name}{value:.2f}'
                name = f'{self._test_index:06d}_{Path(path).stem[:100]}_{metric}.jpg'
                self.results.append({'img': path, 'picture': name, self.metric_name: value})
                self.draw(path, sample, str(Path(self.out_dir, name)))

    def draw(self, path: str, sample: PoseDataSample, out_file: str) -> None:
        """Write a picture of the people in an image file."""
        picture = mmcv.imfrombytes(fileio.get(path, self.backend_args), channel_order='rgb')
        options = dict(draw_heatmap=False, kpt_thr=self.kpt_thr, out_file=out_file)
        for kind, color in (('gt', 'blue'), ('pred', 'red')):
            self._visualizer.kpt_color = self._visualizer.link_color = color
            shown = dict(draw_gt=kind == 'gt', draw_pred=kind == 'pred', draw_bbox=kind == 'pred')
            picture = self._visualizer.add_datasample('', picture, sample, **shown, **options)
