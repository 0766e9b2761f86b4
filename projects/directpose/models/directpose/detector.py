"""DirectPose as an mmdet detector."""

import torch
from mmdet.models.detectors import SingleStageDetector
from mmdet.registry import MODELS
from mmengine.structures import InstanceData
from torch import Tensor

from ...datasets.metainfo import (
    parse_metainfo,
    resolve_groups,
    sigmas_of,
    with_num_keypoints,
)
from ...utils.errors import InputError
from ..pose_results import attach_predictions
from .kpt_predictors import KPAlign


@MODELS.register_module()
class DirectPose(SingleStageDetector):
    """Direct end-to-end multi-person pose estimation (Tian, Chen and Shen, 2019).

    Args:
        metainfo: of the dataset, as mmpose's datasets take it: a dict, or
            ``dict(from_file=PATH)``. It tells the number of keypoints and, where ``groups`` of
            the keypoint predictor names keypoints or is left out, what they are.
        bbox_head: config of the head, without the number of keypoints.
        heatmap_head: config of the training-only heatmap branch, or None; it sits on the level
            of its stride.
        kwargs: backbone, neck, train_cfg, test_cfg, data_preprocessor, init_cfg of
            :class:`mmdet.models.SingleStageDetector`.

    Raises:
        InputError: the metainfo cannot be used, a group names a keypoint it does not have, a
            number of keypoints contradicts it, or no level has the stride of the heatmap branch.
    """

    def __init__(
        self, metainfo: dict, bbox_head: dict, heatmap_head: dict | None = None, **kwargs
    ) -> None:
        skeleton = parse_metainfo(metainfo)
        bbox_head = with_num_keypoints(bbox_head, skeleton, 'bbox_head')
        bbox_head.setdefault('sigmas', sigmas_of(skeleton))
        bbox_head['kpt_predictor'] = resolve_predictor_cfg(bbox_head['kpt_predictor'], skeleton)
        super().__init__(bbox_head=bbox_head, **kwargs)
        self.with_heatmap = heatmap_head is not None
        if heatmap_head is not None:
            self.heatmap_head = MODELS.build(
                with_num_keypoints(heatmap_head, skeleton, 'heatmap_head')
            )
            self.heatmap_level = self._level_of_stride(self.heatmap_head.stride)

    def _level_of_stride(self, stride: int) -> int:
        strides = self.bbox_head.feature_strides
        if stride not in strides:
            raise InputError(
                f'model.heatmap_head.stride is {stride}, but the levels have strides {strides}'
            )
        return strides.index(stride)

    def loss(self, batch_inputs: Tensor, batch_data_samples: list) -> dict[str, Tensor]:
        """Losses of the head and of the heatmap branch for images (B, 3, H, W)."""
        feats = self.extract_feat(batch_inputs)
        losses = self.bbox_head.loss(feats, batch_data_samples)
        if self.with_heatmap:
            feat = feats[self.heatmap_level]
            losses.update(self.heatmap_head.loss(feat, batch_data_samples))
        return losses

    def _forward(self, batch_inputs: Tensor, batch_data_samples: list | None = None) -> tuple:
        """All that is computed over whole levels: for FLOP counters and the like."""
        return tuple(super()._forward(batch_inputs).values())

    @torch.compiler.disable
    def add_pred_to_datasample(self, data_samples: list, results_list: list[InstanceData]) -> list:
        """Put the people into ``pred_instances``, as the arrays mmpose's metrics take."""
        return attach_predictions(data_samples, results_list)


def resolve_predictor_cfg(cfg: dict, skeleton: dict) -> dict:
    """The config of a keypoint predictor, its groups as indices if it has any."""
    kind = cfg['type'] if isinstance(cfg['type'], type) else MODELS.get(cfg['type'])
    if kind is None or not issubclass(kind, KPAlign):
        return cfg
    return {**cfg, 'groups': resolve_groups(cfg.get('groups'), skeleton)}
