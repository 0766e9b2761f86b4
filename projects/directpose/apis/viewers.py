"""People in the types of other programs."""

from typing import TYPE_CHECKING

import numpy as np
from mmpose.structures import PoseDataSample

from ..utils.errors import InputError

if TYPE_CHECKING:
    import fiftyone
    import supervision


def to_supervision(sample: PoseDataSample) -> 'supervision.KeyPoints':
    """The people of a sample for Roboflow's supervision: its annotators, trackers and filters.

    Args:
        sample: of :func:`~directpose.apis.detect`, N people of K keypoints.

    Returns:
        ``xy`` (N, K, 2) in pixels, ``keypoint_confidence`` (N, K), ``detection_confidence`` (N,),
        ``class_id`` (N,), and the boxes (N, 4) xyxy as ``data['xyxy']``.

    Raises:
        InputError: supervision is not installed.
    """
    try:
        import supervision
    except ImportError as error:
        raise InputError(
            'to_supervision needs a package: pip install "directpose[viewers]"'
        ) from error
    people = sample.pred_instances
    return supervision.KeyPoints(
        xy=people.keypoints.astype(np.float32),
        class_id=np.asarray(people.labels, int),
        keypoint_confidence=people.keypoint_scores.astype(np.float32),
        detection_confidence=people.bbox_scores.astype(np.float32),
        data=dict(xyxy=people.bboxes.astype(np.float32)),
    )


def to_fiftyone(sample: PoseDataSample) -> tuple['fiftyone.Detections', 'fiftyone.Keypoints']:
    """The people of a sample for FiftyOne: boxes and keypoints as labels of one image.

    Args:
        sample: of :func:`~directpose.apis.detect`; it tells the size of the image.

    Returns:
        Two labels with an entry a person, in shares of the sides of the image, as FiftyOne has
        them.

    Raises:
        InputError: fiftyone is not installed.
    """
    try:
        import fiftyone
    except ImportError as error:
        raise InputError(
            'to_fiftyone needs a package: pip install "directpose[viewers]"'
        ) from error
    people = sample.pred_instances
    size = np.array(sample.ori_shape[1::-1], float)  # (w, h)
    low, high = people.bboxes[:, :2] / size, people.bboxes[:, 2:] / size
    boxes, keypoints = [], []
    for row, score in enumerate(people.bbox_scores.tolist()):
        label = f'class {int(people.labels[row]) + 1}'
        box = [*low[row].tolist(), *(high[row] - low[row]).tolist()]
        boxes.append(fiftyone.Detection(label=label, bounding_box=box, confidence=score))
        points = (people.keypoints[row] / size).tolist()
        confidence = people.keypoint_scores[row].tolist()
        keypoints.append(fiftyone.Keypoint(label=label, points=points, confidence=confidence))
    return fiftyone.Detections(detections=boxes), fiftyone.Keypoints(keypoints=keypoints)
