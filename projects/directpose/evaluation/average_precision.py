"""AP of keypoints by pycocotools, without a metric object."""

import contextlib
import io

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

# Of a result; with boxes among them, pycocotools would take the areas from these.
FIELDS = ('image_id', 'category_id', 'keypoints', 'score')
METRICS = ('AP', 'AP@0.5', 'AP@0.75', 'AP (M)', 'AP (L)', 'AR')  # as in mmpose's model index


def keypoint_ap(results: list[dict], truth: dict, sigmas: np.ndarray) -> dict[str, float]:
    """AP and the like, in [0, 1]; -1 where nobody is of a size.

    Args:
        results: records with the ``FIELDS``.
        truth: content of an annotation file; all its images count.
        sigmas (K,): of the keypoints.
    """
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = truth
        coco.createIndex()
        records = [{name: result[name] for name in FIELDS} for result in results]
        evaluation = COCOeval(coco, coco.loadRes(records) if records else COCO(), 'keypoints')
        evaluation.params.kpt_oks_sigmas = np.asarray(sigmas)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return dict(zip(METRICS, map(float, evaluation.stats), strict=False))
