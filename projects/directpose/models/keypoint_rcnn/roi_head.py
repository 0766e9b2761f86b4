"""Region-of-interest head with a box branch and a keypoint branch."""

from collections.abc import Sequence

import torch
from mmdet.models.roi_heads import StandardRoIHead
from mmdet.models.task_modules.samplers import SamplingResult
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmdet.structures.bbox import bbox2roi
from mmengine.structures import InstanceData
from torch import Tensor

from ...utils.errors import InputError
from ...utils.similarity import areas_in_boxes
from ..pose_results import pose_instances, to_host, to_original_pixels
from .heatmap_coder import decode_heatmaps, enlarge, keypoint_confidences


@MODELS.register_module()
class KeypointRoIHead(StandardRoIHead):
    """mmdet's RoI head with a keypoint branch beside its box branch.

    The keypoint branch learns from the positive proposals with a labelled keypoint of their person
    inside, and predicts at the boxes of the detections. A process without such a proposal computes
    it all the same, on an empty batch: in a distributed training, others wait for its part in
    synchronised normalisation.

    Args:
        keypoint_roi_extractor: config of what reads the features of the keypoint branch.
        keypoint_head: config of :class:`KeypointHead`.
        sigmas: of the keypoints, as in COCO's OKS; :class:`KeypointRCNN` gives its metainfo's.
        roi_scale: by how much the RoIs of the keypoint branch are larger than the boxes.
        kwargs: of :class:`mmdet.models.StandardRoIHead`, but those of its mask branch.

    Raises:
        InputError: there is a mask branch.
    """

    def __init__(
        self,
        keypoint_roi_extractor: dict,
        keypoint_head: dict,
        sigmas: Sequence[float],
        roi_scale: float = 1.0,
        **kwargs,
    ) -> None:
        if kwargs.pop('mask_head', None) is not None:
            raise InputError('KeypointRoIHead has no mask branch; leave mask_head out')
        super().__init__(**kwargs)
        self.keypoint_roi_extractor = MODELS.build(keypoint_roi_extractor)
        self.keypoint_head = MODELS.build(keypoint_head)
        self.register_buffer('sigmas', torch.tensor(sigmas, dtype=torch.float), persistent=False)
        self.roi_scale = roi_scale

    def keypoint_forward(self, x: tuple[Tensor], rois: Tensor) -> Tensor:
        """Heatmaps (N, K, H, H) of RoIs (N, 5) = (image, x1, y1, x2, y2), already enlarged."""
        levels = x[: self.keypoint_roi_extractor.num_inputs]
        return self.keypoint_head(self.keypoint_roi_extractor(levels, rois))

    def loss(
        self,
        x: tuple[Tensor],
        rpn_results_list: list[InstanceData],
        batch_data_samples: list[DetDataSample],
    ) -> dict[str, Tensor]:
        """Losses of the box branch and of the keypoint branch.

        Args:
            x: feature maps of the levels.
            rpn_results_list: ``bboxes`` (N, 4) xyxy of the proposals of each image.
            batch_data_samples: with ``gt_instances``: ``bboxes`` (G, 4), ``labels`` (G,),
                ``keypoints`` (G, K, 2) and ``keypoints_visible`` (G, K), in network-input pixels.
        """
        batch_gt_instances = [sample.gt_instances for sample in batch_data_samples]
        sampling_results = [
            self._sample([level[i : i + 1] for level in x], proposals, gt_instances)
            for i, (proposals, gt_instances) in enumerate(
                zip(rpn_results_list, batch_gt_instances, strict=True)
            )
        ]
        losses = dict(self.bbox_loss(x, sampling_results)['loss_bbox'])
        losses.update(self.keypoint_loss(x, sampling_results, batch_gt_instances))
        return losses

    def _sample(
        self, feats: list[Tensor], proposals: InstanceData, gt_instances: InstanceData
    ) -> SamplingResult:
        """Positive and negative proposals of an image, as the config's assigner and sampler say.

        Args:
            feats: maps (1, C, H_l, W_l) of the image, which some samplers read.
            proposals: ``bboxes`` (N, 4) xyxy, and what the RPN gives beside them.
            gt_instances: of the image.
        """
        names = {'bboxes': 'priors'}
        priors = InstanceData(**{names.get(k, k): v for k, v in proposals.items()})
        assigned = self.bbox_assigner.assign(priors, gt_instances)
        return self.bbox_sampler.sample(assigned, priors, gt_instances, feats=feats)

    def keypoint_loss(
        self,
        x: tuple[Tensor],
        sampling_results: list[SamplingResult],
        batch_gt_instances: list[InstanceData],
    ) -> dict[str, Tensor]:
        """Loss of the keypoint branch; the arguments are those of :meth:`loss`."""
        rois, keypoints, visible = self._targets(sampling_results, batch_gt_instances)
        heatmaps = self.keypoint_forward(x, rois)
        return self.keypoint_head.loss(heatmaps, rois[:, 1:], keypoints, visible)

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
        useful = (inside & (visible > 0)).any(1).nonzero()[:, 0]
        rois = torch.cat((proposals[:, :1], enlarge(proposals[:, 1:], self.roi_scale)), 1)
        return rois[useful], keypoints[useful], visible[useful]

    def predict(
        self,
        x: tuple[Tensor],
        rpn_results_list: list[InstanceData],
        batch_data_samples: list,
        rescale: bool = False,
    ) -> list[InstanceData]:
        """Detect the people of a batch; see :meth:`predict_keypoints`."""
        boxes = super().predict(x, rpn_results_list, batch_data_samples, rescale=False)
        metas = [sample.metainfo for sample in batch_data_samples]
        return self.predict_keypoints(x, metas, boxes, rescale)

    def predict_keypoints(
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
            For each image what :func:`pose_instances` gives, on the CPU.
        """
        rois = bbox2roi([enlarge(boxes.bboxes, self.roi_scale) for boxes in results_list])
        bboxes, scores, labels = (
            torch.cat([boxes[name] for boxes in results_list])
            for name in ('bboxes', 'scores', 'labels')
        )
        heatmaps = self.keypoint_forward(x, rois).float()
        keypoints, _ = decode_heatmaps(heatmaps, rois[:, 1:])
        keypoint_scores = keypoint_confidences(
            heatmaps, rois[:, 1:], keypoints, areas_in_boxes(bboxes), self.sigmas
        )
        counts = [len(boxes) for boxes in results_list]
        people = to_host(bboxes, scores, labels, keypoints, keypoint_scores)
        results = []
        for *values, meta in zip(*(v.split(counts) for v in people), batch_img_metas, strict=True):
            found = pose_instances(*values)
            results.append(to_original_pixels(found, meta) if rescale else found)
        return results
