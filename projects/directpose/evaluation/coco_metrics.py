"""Box AP beside keypoint AP."""

from collections.abc import Sequence

import torch
from mmdet.evaluation.metrics import CocoMetric
from mmpose.registry import METRICS

ITEMS = ('mAP', 'mAP_50', 'mAP_75', 'mAP_s', 'mAP_m', 'mAP_l')


@METRICS.register_module()
class PersonBoxMetric(CocoMetric):
    """mmdet's ``CocoMetric`` on the boxes of people as mmpose's data samples hold them.

    Its numbers are ``coco/bbox_mAP`` and the like, by pycocotools, beside ``coco/AP`` of the
    keypoints. Label l is category l + 1, as for the keypoints.

    Args:
        ann_file: the COCO keypoint JSON; all its boxes count, also of people without keypoints.
        kwargs: of :class:`mmdet.evaluation.CocoMetric`.
    """

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Take the predictions of some images: ``bboxes``, ``bbox_scores`` and ``labels``."""
        names = dict(bboxes='bboxes', scores='bbox_scores', labels='labels')
        for sample in data_samples:
            people = sample['pred_instances']
            boxes = {ours: torch.as_tensor(people[theirs]) for ours, theirs in names.items()}
            super().process(data_batch, [{**sample, 'pred_instances': boxes}])

    def compute_metrics(self, results: list) -> dict[str, float]:
        """AP and its kinds; 0 where nothing was found, of which the parent tells nothing."""
        if not any(len(boxes['scores']) for _, boxes in results):
            return {f'bbox_{item}': 0.0 for item in ITEMS}
        # The parent asks for classes by name, which mmpose's metainfo does not have. A category
        # without annotations does not count.
        last = max(int(boxes['labels'].max(initial=0)) for _, boxes in results)
        self.cat_ids = list(range(1, max(last + 1, *self._coco_api.get_cat_ids()) + 1))
        return super().compute_metrics(results)
