"""AP of keypoints, without a metric object."""

import numpy as np
from faster_coco_eval import COCO, COCOeval_faster

# Of a result; with boxes among them, the evaluation would take the areas from these.
FIELDS = ('image_id', 'category_id', 'keypoints', 'score')
METRICS = ('AP', 'AP@0.5', 'AP@0.75', 'AP (M)', 'AP (L)', 'AR')  # as in mmpose's model index


def keypoint_ap(results: list[dict], truth: dict, sigmas: np.ndarray) -> dict[str, float]:
    """AP and the like, in [0, 1]; -1 where nobody is of a size.

    Args:
        results: records with the ``FIELDS``.
        truth: content of an annotation file; all its images count.
        sigmas (K,): of the keypoints.
    """
    records = [{name: result[name] for name in FIELDS} for result in results]
    coco = COCO(truth)
    evaluation = COCOeval_faster(
        coco,
        coco.loadRes(records),
        'keypoints',
        kpt_oks_sigmas=np.asarray(sigmas),
        print_function=lambda *_: None,
    )
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    return dict(zip(METRICS, map(float, evaluation.stats), strict=False))
