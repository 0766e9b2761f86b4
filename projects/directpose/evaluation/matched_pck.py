"""How well the people of one image were found, for BadCaseAnalysisHook."""

from collections.abc import Sequence

import numpy as np
from mmengine.evaluator import BaseMetric
from mmpose.registry import METRICS
from scipy.optimize import linear_sum_assignment


@METRICS.register_module()
class MatchedPCK(BaseMetric):
    """Percentage of correct keypoints where nobody tells which prediction is which person.

    mmpose's ``PCKAccuracy`` compares the n-th prediction with the n-th annotation. Here people
    are matched one to one such that as many labelled keypoints as possible are correct; those of
    people who were not found are wrong. Surplus predictions do not count.

    Args:
        thr: a keypoint is correct within this share of the longer side of its person's box.
        kwargs: of :class:`mmengine.evaluator.BaseMetric`.
    """

    default_prefix = ''  # the hook looks for the plain name

    def __init__(self, thr: float = 0.1, **kwargs) -> None:
        super().__init__(**kwargs)
        self.thr = thr

    def process(self, data_batch: Sequence[dict], data_samples: Sequence[dict]) -> None:
        """Count the labelled and the correct keypoints of some images."""
        for sample in data_samples:
            truth = sample['gt_instances']
            if 'keypoints' not in truth:  # nobody is annotated
                self.results.append((0, 0))
                continue
            labelled = np.asarray(truth['keypoints_visible']) > 0  # (G, K)
            boxes = np.asarray(truth['bboxes'])
            reach = self.thr * (boxes[:, 2:] - boxes[:, :2]).max(1, initial=0)  # (G,)
            apart = truth['keypoints'][:, None] - sample['pred_instances']['keypoints']
            close = np.linalg.norm(apart, axis=-1) <= reach[:, None, None]  # (G, N, K)
            correct = (close & labelled[:, None]).sum(-1)
            self.results.append((labelled.sum(), correct[linear_sum_assignment(-correct)].sum()))

    def evaluate(self, size: int) -> dict[str, float]:
        """Evaluate what this process has seen, and forget it.

        The hook asks after every image; the parent would wait for the other processes.
        """
        results, self.results = self.results, []
        return self.compute_metrics(results)

    def compute_metrics(self, results: list) -> dict[str, float]:
        """``PCK`` in [0, 1]; 1 where nothing is labelled."""
        labelled, correct = np.sum(results, axis=0)
        return dict(PCK=float(correct / labelled) if labelled else 1.0)
