"""Pictures of the images on which a model does worst."""

from collections.abc import Sequence
from pathlib import Path

import mmcv
from mmengine import fileio
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
        # The parent writes results.json there. The second time it is absolute, and stays as it is.
        self.out_dir = str(Path(runner.work_dir, runner.timestamp, self.out_dir).resolve())
        self._visualizer.set_dataset_meta(runner.test_evaluator.dataset_meta)
        for output in outputs:
            self._test_index += 1
            sample = merge_data_samples([output])
            is_bad, value = self.check_badcase(data_batch, sample)
            if is_bad:
                path = output.img_path
                metric = f'{self.metric_name}{value:.2f}'
                name = f'{self._test_index:06d}_{Path(path).stem[:100]}_{metric}'
                self.results.append({'img': path, 'picture': name, self.metric_name: value})
                self.draw(path, sample, name)

    def draw(self, path: str, sample: PoseDataSample, name: str) -> None:
        """Write a picture of the people in an image file."""
        picture = mmcv.imfrombytes(fileio.get(path, self.backend_args), channel_order='rgb')
        options = dict(show=False, draw_heatmap=False, kpt_thr=self.kpt_thr, step=self._test_index)
        for kind, color in (('gt', 'blue'), ('pred', 'red')):
            self._visualizer.kpt_color = self._visualizer.link_color = color
            last = kind == 'pred'
            picture = self._visualizer.add_datasample(
                name,
                picture,
                sample,
                draw_gt=not last,
                draw_pred=last,
                draw_bbox=last,
                out_file=str(Path(self.out_dir, f'{name}.jpg')),
                **options,
            )
        if self.show:
            self._visualizer.show(picture, win_name=name, wait_time=self.wait_time)
