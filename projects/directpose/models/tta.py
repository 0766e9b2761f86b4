"""Test-time augmentation: merging the predictions of several passes."""

import numpy as np
import torch
from mmdet.registry import MODELS
from mmengine.model import BaseTTAModel
from mmengine.structures import InstanceData
from mmpose.structures import PoseDataSample
from torchvision.ops import box_iou


@MODELS.register_module()
class PoseTTAModel(BaseTTAModel):
    """Merge the people of several passes over an image, at other scales or mirrored.

    Args:
        iou_thr: least IoU of boxes of the same person in different passes.
        max_per_img: people kept of an image.
        kwargs: of :class:`mmengine.model.BaseTTAModel`.
    """

    def __init__(self, iou_thr: float = 0.6, max_per_img: int = 100, **kwargs) -> None:
        super().__init__(**kwargs)
        self.iou_thr = iou_thr
        self.max_per_img = max_per_img

    def merge_preds(self, data_samples_list: list[list[PoseDataSample]]) -> list[PoseDataSample]:
        """One sample for each image, from its samples of all passes.

        Args:
            data_samples_list: of each image the samples of its passes, with ``pred_instances``
                in pixels of the (mirrored) original image, and ``flip``, ``flip_indices`` and
                ``ori_shape`` in their metainfo.
        """
        merged = []
        for samples in data_samples_list:
            passes = [unflip(sample) for sample in samples]
            sample = next((s for s in samples if not s.metainfo.get('flip')), samples[0])
            sample.pred_instances = merge_passes(passes, self.iou_thr)[: self.max_per_img]
            merged.append(sample)
        return merged


def unflip(sample: PoseDataSample) -> InstanceData:
    """The predicted people, mirrored back if the image was mirrored.

    A mirrored pixel index is ``width - 1 - x``, and left and right keypoints change places.
    """
    people = sample.pred_instances
    if not sample.metainfo.get('flip'):
        return people
    people, width = people.clone(), sample.ori_shape[1]
    for name in ('keypoints', 'keypoint_scores', 'keypoints_visible'):
        people[name] = people[name][:, sample.flip_indices]
    people.keypoints[..., 0] = width - 1 - people.keypoints[..., 0]
    people.bboxes[:, [0, 2]] = (width - 1 - people.bboxes[:, [2, 0]]).clip(min=0)
    return people


def merge_passes(passes: list[InstanceData], iou_thr: float) -> InstanceData:
    """Score-weighted NMS over the passes.

    The best person left takes in, of each other pass, the one of the same label whose box
    overlaps its own the most, if by more than ``iou_thr``; coordinates and keypoint scores are
    averaged with the scores as weights, and the score is the best one. Two people of the same
    pass are never merged: its own NMS has told them apart. So nobody is lost in a crowd, and a
    single pass stays as it is.

    Args:
        passes: people of each pass, as arrays, in the same pixels: ``bboxes`` (N, 4) xyxy,
            ``bbox_scores`` (N,), ``labels`` (N,), ``keypoints`` (N, K, 2), ``keypoint_scores``
            and ``keypoints_visible`` (N, K).

    Returns:
        The people, by falling score.
    """
    people = InstanceData.cat(passes)
    of_pass = np.repeat(np.arange(len(passes)), [len(p) for p in passes])
    boxes = torch.as_tensor(people.bboxes)
    ious = box_iou(boxes, boxes).numpy() * (people.labels[:, None] == people.labels)
    free = np.ones(len(people), dtype=bool)
    groups = []
    for best in np.argsort(-people.bbox_scores, kind='stable'):
        if not free[best]:
            continue
        group = [best]
        for number in set(range(len(passes))) - {of_pass[best]}:
            overlaps = ious[best] * (free & (of_pass == number))
            if overlaps.max(initial=0) > iou_thr:
                group.append(overlaps.argmax())
        free[group] = False
        groups.append(group)
    return average_groups(people, groups)


def average_groups(people: InstanceData, groups: list[list[int]]) -> InstanceData:
    """One person for each group: the first, with averages weighted by score."""
    result = people[np.array([group[0] for group in groups], dtype=int)]
    for name in ('bboxes', 'keypoints', 'keypoint_scores', 'keypoints_visible'):
        values = people[name].copy()
        for group in (g for g in groups if len(g) > 1):
            values[group[0]] = np.average(values[group], axis=0, weights=people.bbox_scores[group])
        result[name] = values[[group[0] for group in groups]]
    return result
