"""Region-of-interest head with a box branch and a keypoint branch."""

import torch
from mmdet.models.roi_heads import StandardRoIHead
from mmdet.models.task_modules.samplers import SamplingResult
from mmdet.registry import MODELS
from mmdet.structures.bbox import bbox2roi
from mmengine.structures import InstanceData
from torch import Tensor

from ...utils.errors import InputError
from ..pose_results import to_original_pixels
from .heatmap_coder import decode_heatmaps, enlarge


@MODELS.register_module()
class KeypointRoIHead(StandardRoIHead):
    """mmdet's RoI head with a keypoint branch in the place of its mask branch.

    Proposals, samplers and the box branch are the parent's. The keypoint branch learns from the
    positive proposals with a labelled keypoint of their person inside, and predicts at the boxes of
    the detections. A process without such a proposal computes it all the same, on an empty batch:
    in a distributed training, others wait for its part in synchronised normalisation.

    Args:
        keypoint_roi_extractor: config of what reads the features of the keypoint branch.
        keypoint_head: config of :class:`KeypointHead`.
        roi_scale: by how much the RoIs of the keypoint branch are larger than the boxes.
        kwargs: of :class:`mmdet.models.StandardRoIHead`, but those of its mask branch.

    Raises:
        InputError: there is a mask branch.
    """

    # The parent calls mask_loss, predict_mask and _mask_forward where it has such a branch.
    with_mask = True

    def __init__(
        self, keypoint_roi_extractor: dict, keypoint_head: dict, roi_scale: float = 1.0, **kwargs
    ) -> None:
        if 'mask_head' in kwargs:
            raise InputError('KeypointRoIHead: keypoints are in the place of masks; no mask_head')
        super().__init__(**kwargs)
        self.keypoint_roi_extractor = MODELS.build(keypoint_roi_extractor)
        self.keypoint_head = MODELS.build(keypoint_head)
        self.roi_scale = roi_scale

    def _mask_forward(self, x: tuple[Tensor], rois: Tensor) -> dict[str, Tensor]:
        """Heatmaps of RoIs (N, 5) = (image, x1, y1, x2, y2), already enlarged."""
        levels = x[: self.keypoint_roi_extractor.num_inputs]
        heatmaps = self.keypoint_head(self.keypoint_roi_extractor(levels, rois))
        return dict(mask_preds=heatmaps)

    def mask_loss(
        self,
        x: tuple[Tensor],
        sampling_results: list[SamplingResult],
        bbox_feats: Tensor,
        batch_gt_instances: list[InstanceData],
    ) -> dict[str, dict]:
        """Loss of the keypoint branch.

        Args:
            x: feature maps of the levels.
            sampling_results: which proposals are whose.
            bbox_feats: not used.
            batch_gt_instances: with ``keypoints`` (G, K, 2) and ``keypoints_visible`` (G, K), in
                network-input pixels.
        """
        rois, keypoints, visible = self._targets(sampling_results, batch_gt_instances)
        heatmaps = self._mask_forward(x, rois)['mask_preds']
        return dict(loss_mask=self.keypoint_head.loss(heatmaps, rois[:, 1:], keypoints, visible))

    def _targets(
        self, sampling_results: list[SamplingResult], batch_gt_instances: list[InstanceData]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The RoIs of the positive proposals with a labelled keypoint inside.

        Returns:
            rois (N, 5), the proposals enlarged, keypoints (N, K, 2) and keypoints_visible (N, K)
            of the person of each.
        """
        proposals = bbox2roi([res.pos_priors for res in sampling_results])
        keypoints, visible = (
            torch.cat(
                [
                    instances[name][res.pos_assigned_gt_inds]
                    for res, instances in zip(sampling_results, batch_gt_instances, strict=True)
                ]
            )
            for name in ('keypoints', 'keypoints_visible')
        )
        corner, far = proposals[:, None, 1:3], proposals[:, None, 3:]
        inside = ((keypoints >= corner) & (keypoints <= far)).all(-1)
        useful = (inside & (visible > 0)).any(1)
        rois = torch.cat((proposals[:, :1], enlarge(proposals[:, 1:], self.roi_scale)), 1)
        return rois[useful], keypoints[useful], visible[useful]

    def predict_mask(
        self,
        x: tuple[Tensor],
        batch_img_metas: list[dict],
        results_list: list[InstanceData],
        rescale: bool = False,
    ) -> list[InstanceData]:
        """People from the detections of the box branch.

        Args:
            x: feature maps of the levels.
            batch_img_metas: for ``rescale``, what :func:`to_original_pixels` needs.
            results_list: ``bboxes`` (N, 4) xyxy, ``scores`` (N,) and ``labels`` (N,) of each
                image, in network-input pixels.
            rescale: return pixels of the original image.

        Returns:
            With ``bboxes``, ``bbox_scores``, ``labels``, ``keypoints`` (N, K, 2),
            ``keypoint_scores`` (N, K) and ``keypoints_visible`` (N, K).
        """
        rois = bbox2roi([enlarge(found.bboxes, self.roi_scale) for found in results_list])
        heatmaps = self._mask_forward(x, rois)['mask_preds']
        keypoints, _, scores = decode_heatmaps(heatmaps.float(), rois[:, 1:])
        counts = [len(found) for found in results_list]
        people_list = []
        for found, meta, *of_image in zip(
            results_list,
            batch_img_metas,
            keypoints.split(counts),
            scores.split(counts),
            strict=True,
        ):
            people = InstanceData(
                bboxes=found.bboxes,
                bbox_scores=found.scores,
                labels=found.labels,
                keypoints=of_image[0],
                keypoint_scores=of_image[1],
                keypoints_visible=of_image[1],
            )
            people_list.append(to_original_pixels(people, meta) if rescale else people)
        return people_list
