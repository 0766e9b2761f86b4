"""Keypoint AP of several classes, box AP beside keypoint AP, and PCK of one image."""

import contextlib
from collections.abc import Sequence

import numpy as np
import torch
from faster_coco_eval import COCO, COCOeval_faster
from mmdet.evaluation.metrics import CocoMetric as BoxCocoMetric
from mmengine.evaluator import BaseMetric
from mmpose.evaluation.metrics import CocoMetric as KeypointCocoMetric
from mmpose.registry import METRICS
from scipy.optimize import linear_sum_assignment

from ..utils.io import read_json
from .matching import complete

NAMES = (
    *('AP', 'AP .5', 'AP .75', 'AP (M)', 'AP (L)'),
    *('AR', 'AR .5', 'AR .75', 'AR (M)', 'AR (L)'),
)
CROWD_NAMES = ('AP', 'AP .5', 'AP .75', 'AR', 'AR .5', 'AR .75', 'AP(E)', 'AP(M)', 'AP(H)')
BOX_METRICS = ('mAP', 'mAP_50', 'mAP_75', 'mAP_s', 'mAP_m', 'mAP_l')


@METRICS.register_module()
class FastCocoMetric(KeypointCocoMetric):
    """mmpose's ``CocoMetric`` by faster-coco-eval: the same numbers in a fraction of the time.

    Args:
        kwargs: of :class:`mmpose.evaluation.CocoMetric`.
    """

    def _do_python_keypoint_eval(self, outfile_prefix: str) -> list[tuple[str, float]]:
        """Names and values of the results that the parent has written to a file."""
        truth = COCO(complete(self.coco.dataset))
        results = read_json(f'{outfile_prefix}.keypoints.json')
        # As the parent's evaluation, without those who have no keypoint
        found = [r for r in results if any(score > 0 for score in r['keypoints'][2::3])]
        evaluation = COCOeval_faster(
            truth,
            with_results(truth, found) if found else truth.loadRes(found),
            self.iou_type,
            kpt_oks_sigmas=self.dataset_meta['sigmas'],
            use_area=self.use_area,
            print_function=print,
        )
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
        names = CROWD_NAMES if self.iou_type == 'keypoints_crowd' else NAMES
        return list(zip(names, map(float, evaluation.stats), strict=False))


def with_results(truth: COCO, found: list[dict]) -> COCO:
    """What ``truth.loadRes(found)`` gives, by one NumPy call for all instead of some for each.

    Args:
        truth: the annotations.
        found: results in COCO's keypoint format; ids, areas and missing boxes are added to them.
    """
    if 'bbox' in found[0]:
        boxes = [result['bbox'] for result in found]
    else:
        points = np.array([result['keypoints'] for result in found]).reshape(len(found), -1, 3)
        low, high = points[..., :2].min(1), points[..., :2].max(1)
        boxes = np.concatenate([low, high - low], 1).tolist()
    for number, (result, box) in enumerate(zip(found, boxes, strict=True), 1):
        result.update(id=number, bbox=box, area=box[2] * box[3])
    return COCO(dict(truth.dataset, annotations=found))


@METRICS.register_module()
class ClasswiseCocoMetric(FastCocoMetric):
    """:class:`FastCocoMetric`, which takes the class of an instance from its predicted label.

    The parent gives all instances of an image the same class. Label l is category l + 1. COCO's
    evaluation matches within a category and averages over the categories that are annotated.
    """

    def process(self, data_batch: Sequence[dict], data_samples: Sequence[dict]) -> None:
        """Take the predictions of some images, one class after the other."""
        for sample in data_samples:
            first = len(self.results)
            people = sample['pred_instances']
            labels = np.asarray(people['labels'])
            # An image without instances counts as well.
            for label in np.unique(labels).tolist() or [0]:
                chosen = {name: values[labels == label] for name, values in people.items()}
                one_class = {**sample, 'pred_instances': chosen, 'category_id': label + 1}
                super().process(data_batch, [one_class])
            # One entry an image: what is more than images, the evaluation takes for padding.
            self.results[first:] = [self.results[first:]]

    def compute_metrics(self, results: list) -> dict[str, float]:
        """AP and AR, averaged over the classes."""
        return super().compute_metrics([entry for image in results for entry in image])


@METRICS.register_module()
class PersonBoxMetric(BoxCocoMetric):
    """mmdet's ``CocoMetric`` on the boxes of people as mmpose's data samples hold them.

    Its numbers are ``coco/bbox_mAP`` and the like, by pycocotools, beside ``coco/AP`` of the
    keypoints. Label l is category l + 1, as for the keypoints.

    Args:
        ann_file: the COCO keypoint JSON; all its boxes count, also of people without keypoints.
        kwargs: of :class:`mmdet.evaluation.CocoMetric`.
    """

    def __init__(self, ann_file: str, **kwargs) -> None:
        super().__init__(ann_file, **kwargs)
        self._coco_api.dataset = complete(self._coco_api.dataset)
        with contextlib.redirect_stdout(None):
            self._coco_api.createIndex()

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
            return {f'bbox_{item}': 0.0 for item in BOX_METRICS}
        # The parent asks for classes by name, which mmpose's metainfo does not have. A category
        # without annotations does not count.
        last = max(int(boxes['labels'].max(initial=0)) for _, boxes in results)
        self.cat_ids = list(range(1, max(last + 1, *self._coco_api.get_cat_ids()) + 1))
        return super().compute_metrics(results)


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
        results = self.results
        self.results: list = []
        return self.compute_metrics(results)

    def compute_metrics(self, results: list) -> dict[str, float]:
        """``PCK`` in [0, 1]; 1 where nothing is labelled."""
        labelled, correct = np.sum(results, axis=0)
        return dict(PCK=float(correct / labelled) if labelled else 1.0)
