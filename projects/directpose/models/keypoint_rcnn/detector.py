"""Keypoint R-CNN as an mmdet detector."""

import torch
from mmcv.ops import get_compiling_cuda_version
from mmdet.models.detectors import TwoStageDetector
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmengine.structures import InstanceData
from torch import Tensor

from ...datasets.metainfo import parse_metainfo, sigmas_of, with_num_keypoints
from ...utils.errors import InputError
from ..pose_results import attach_predictions


@MODELS.register_module()
class KeypointRCNN(TwoStageDetector):
    """Mask R-CNN with keypoints (He, Gkioxari, Dollár and Girshick, 2017, section 5).

    Args:
        metainfo: of the dataset, as mmpose's datasets take it; see :class:`DirectPose`.
        roi_head: config of :class:`KeypointRoIHead`, without the number of keypoints.
        kwargs: of :class:`mmdet.models.TwoStageDetector`.

    Raises:
        InputError: the metainfo cannot be used, or a number of keypoints contradicts it.
    """

    def __init__(self, metainfo: dict, roi_head: dict, **kwargs) -> None:
        skeleton = parse_metainfo(metainfo)
        keypoint_head = with_num_keypoints(
            roi_head['keypoint_head'], skeleton, 'roi_head.keypoint_head'
        )
        roi_head = dict(sigmas=sigmas_of(skeleton)) | {**roi_head, 'keypoint_head': keypoint_head}
        super().__init__(roi_head=roi_head, **kwargs)

    def extract_feat(self, batch_inputs: Tensor) -> tuple[Tensor, ...]:
        """Feature maps of the levels, (B, C, H_l, W_l), finest first.

        Raises:
            InputError: mmcv was compiled without the operators that the device needs.
        """
        check_operators(batch_inputs.device)
        return super().extract_feat(batch_inputs)

    def loss(self, batch_inputs: Tensor, batch_data_samples: list) -> dict[str, Tensor]:
        """Losses for images (B, 3, H, W) and mmpose's data samples, with ``gt_instance_labels``."""
        return super().loss(batch_inputs, [to_det_sample(s) for s in batch_data_samples])

    def _forward(self, batch_inputs: Tensor, batch_data_samples: list | None = None) -> tuple:
        """All that has weights, for FLOP counters and the like.

        The RoIs are as many as the test can have at most, and their features are zeros.
        """
        feats = self.extract_feat(batch_inputs)
        head, counts = self.roi_head, (self.test_cfg.rpn, self.test_cfg.rcnn)
        boxes, people = (
            feats[0].new_zeros(cfg.max_per_img, feats[0].shape[1], *layer.output_size)
            for cfg, layer in zip(
                counts,
                (head.bbox_roi_extractor.roi_layers[0], head.keypoint_roi_extractor.roi_layers[0]),
                strict=True,
            )
        )
        return (*self.rpn_head(feats), head.bbox_head(boxes), head.keypoint_head(people))

    def add_pred_to_datasample(self, data_samples: list, results_list: list[InstanceData]) -> list:
        """Put the people into ``pred_instances``, as the arrays mmpose's metrics take."""
        return attach_predictions(data_samples, results_list)


def has_operators(kind: str) -> bool:
    """Whether mmcv can suppress boxes and pool regions on a kind of device."""
    return kind != 'cuda' or get_compiling_cuda_version() != 'not available'


def check_operators(device: torch.device) -> None:
    """Check that mmcv can suppress boxes and pool regions on a device.

    Raises:
        InputError: it cannot.
    """
    if not has_operators(device.type):
        raise InputError(
            'Keypoint R-CNN needs mmcv with operators for CUDA, and this one was compiled for the '
            'CPU only; see docs/installation.md, or run on the CPU (CUDA_VISIBLE_DEVICES= )'
        )


def to_det_sample(sample) -> DetDataSample:
    """mmdet's data sample of one of mmpose."""
    labels = sample.gt_instance_labels
    detection = DetDataSample(metainfo=sample.metainfo)
    detection.gt_instances = InstanceData(
        bboxes=labels.bboxes.float(),
        labels=labels.labels.long(),
        keypoints=labels.keypoints.float(),
        keypoints_visible=labels.keypoints_visible,
    )
    return detection
