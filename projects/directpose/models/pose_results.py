"""Format and coordinates of predictions."""

import torch
from mmengine.structures import InstanceData
from torch import Tensor


def to_host(*values: Tensor) -> tuple[Tensor, ...]:
    """The values (N, ...) in the memory of the host, by one copy, for which a GPU waits once."""
    if values[0].device.type == 'cpu':
        return values
    rows = [(value if value.ndim > 1 else value[:, None]).flatten(1) for value in values]
    table = torch.cat([part.double() for part in rows], 1).cpu()  # holds every integer and float32
    parts = table.split([part.shape[1] for part in rows], 1)
    return tuple(
        part.reshape(value.shape).to(value.dtype) for part, value in zip(parts, values, strict=True)
    )


def pose_instances(
    bboxes: Tensor, scores: Tensor, labels: Tensor, keypoints: Tensor, keypoint_scores: Tensor
) -> InstanceData:
    """The people of an image, with the names of mmpose and of mmdet.

    Args:
        bboxes (N, 4): xyxy.
        scores (N,), labels (N,): of each person.
        keypoints (N, K, 2), keypoint_scores (N, K): (x, y), and the score of each.

    Returns:
        With ``bboxes``, ``bbox_scores`` (mmpose) and ``scores`` (mmdet), ``labels``,
        ``keypoints``, ``keypoint_scores`` and ``keypoints_visible``. Scores that have two names are
        the same tensor.
    """
    return InstanceData(
        bboxes=bboxes,
        bbox_scores=scores,
        scores=scores,
        labels=labels,
        keypoints=keypoints,
        keypoint_scores=keypoint_scores,
        keypoints_visible=keypoint_scores,
    )


def to_original_pixels(people: InstanceData, img_meta: dict) -> InstanceData:
    """Map keypoints and boxes from network-input pixels to pixels of the original image.

    Args:
        people: with ``keypoints`` (N, K, 2) and ``bboxes`` (N, 4) xyxy.
        img_meta: ``input_size`` (w, h) is the network input that shows the region of
            ``input_scale`` (w, h) pixels around ``input_center`` (x, y) of the image: mmpose's
            convention for one-stage models.

    Returns:
        The same instances, with new coordinates.
    """
    size, center, scale = (
        people.keypoints.new_tensor(img_meta[key])
        for key in ('input_size', 'input_center', 'input_scale')
    )

    def restore(coordinates: Tensor) -> Tensor:
        return coordinates * (scale / size) + (center - scale / 2)

    people.keypoints = restore(people.keypoints)
    people.bboxes = restore(people.bboxes.unflatten(-1, (2, 2))).flatten(-2)
    return people


def attach_predictions(data_samples: list, results_list: list[InstanceData]) -> list:
    """Put the people of each image into ``pred_instances``, as the arrays mmpose's metrics take."""
    for sample, people in zip(data_samples, results_list, strict=True):
        sample.pred_instances = people.numpy()
    return data_samples
