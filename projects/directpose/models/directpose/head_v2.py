"""The head of DirectPose v2: quality scores, and poses that decide who learns.

Legend of dimensions:
    B images, P locations of all levels, G people of all images, K keypoints, C classes,
    N candidates, later positives.
"""

import torch
from mmdet.registry import MODELS
from mmengine.structures import InstanceData
from torch import Tensor

from ...utils.errors import InputError
from ...utils.similarity import object_keypoint_similarities
from .coder import decode_keypoints
from .head import DirectPoseHead
from .sparse_maps import PyramidShape
from .targets import people_of, targets_at


@MODELS.register_module()
class DirectPoseV2Head(DirectPoseHead):
    """DirectPose whose score is the quality of the pose, and whose poses decide who learns.

    The target of a positive's score is ``OKS(pose, truth) ** quality_power``; there is no
    centerness. Poses are predicted at the candidates of an assigner, which chooses the positives
    among them.

    Args:
        sigmas: of the K keypoints, as in COCO's OKS; a :class:`DirectPose` gives its metainfo's.
        assigner: config of :class:`OKSAssigner` or :class:`CenterAssigner`.
        quality_power: see above.
        loss_cls: config of a loss on logits with targets in [0, 1].
        loss_oks: config of :class:`OKSLoss` (optional).
        kwargs: of :class:`DirectPoseHead`, without centerness and boxes.

    Raises:
        InputError: one of these is given, there are no sigmas, there is one keypoint, or what
            :class:`DirectPoseHead` refuses.
    """

    left_out = ('loss_bbox', 'loss_centerness', 'centerness_on_kpt')

    def __init__(
        self,
        *,
        sigmas,
        assigner: dict = dict(type='mmdet.OKSAssigner'),  # noqa: B006
        quality_power: float = 0.5,
        loss_cls: dict = dict(type='mmdet.VarifocalLoss', use_sigmoid=True),  # noqa: B006
        loss_oks: dict | None = None,
        **kwargs,
    ) -> None:
        if kwargs.get('num_keypoints') == 1:
            raise InputError(
                'DirectPoseV2Head needs two keypoints: one has no extent, by which people are told '
                'apart; take DirectPoseHead with a box branch (loss_bbox)'
            )
        if sigmas is None:
            raise InputError('DirectPoseV2Head needs sigmas, one for each keypoint, for OKS')
        for name in self.left_out:
            if kwargs.pop(name, None):
                raise InputError(f'DirectPoseV2Head has no {name}; leave it out')
        super().__init__(
            sigmas=sigmas, assigner=assigner, loss_cls=loss_cls, loss_centerness=None, **kwargs
        )
        self.quality_power = quality_power
        self.loss_oks = MODELS.build(loss_oks) if loss_oks is not None else None

    @torch.no_grad()
    def _positives(
        self, outs: dict, cls_scores: Tensor, priors: Tensor, batch_labels: list[InstanceData]
    ) -> tuple[Tensor, Tensor, InstanceData]:
        """Those of the candidates that the assigner chooses; see the parent."""
        people = people_of(batch_labels)
        batch_inds, point_inds, candidates = self._candidates(priors, people, batch_labels)
        # Only the positives, about a third of the candidates, need gradients, later.
        locations = PyramidShape.of(outs['cls_scores']).locations(batch_inds, point_inds)
        offsets, _ = self.kpt_predictor(outs['kpt_tables'], locations)
        logits = cls_scores[batch_inds, point_inds]  # (N, C)
        matched, oks = self._match(people, candidates, offsets, priors[point_inds], logits)
        chosen = (matched >= 0).nonzero()[:, 0]
        matched, batch_inds, point_inds = matched[chosen], batch_inds[chosen], point_inds[chosen]
        targets = targets_at(people[matched], priors[point_inds])
        targets.qualities = (oks[chosen, matched] ** self.quality_power).to(cls_scores.dtype)
        return batch_inds, point_inds, targets

    def _keypoint_losses(
        self, stages: list[Tensor], vis_logits: Tensor, targets: InstanceData
    ) -> dict[str, Tensor]:
        """Those of the parent, and that of the OKS."""
        losses = super()._keypoint_losses(stages, vis_logits, targets)
        if self.loss_oks is not None:
            shares = self.kpt_predictor.stage_weights
            losses['loss_oks'] = sum(
                share * self.loss_oks(stage, targets, self.sigmas)
                for stage, share in zip(stages, shares, strict=True)
            )
        return losses

    def _match(
        self,
        people: InstanceData,
        candidates: Tensor,
        offsets: Tensor,
        priors: Tensor,
        logits: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """The person of each candidate, and how well each candidate predicts whom it may learn.

        Args:
            people: G of all images, see :func:`people_of`.
            candidates (N, G): which of them each candidate may learn.
            offsets (N, K, 2): predicted, in strides.
            priors (N, 4): where the candidates are.
            logits (N, C): their classes.

        Returns:
            index of the person (N,), -1 for nobody, and OKS (N, G), 0 but for candidates.
        """
        poses = decode_keypoints(offsets, priors[:, :2], priors[:, 2])
        # In a crowd one pair in a hundred may learn; the OKS of all would take most of the time.
        inds, person_inds = candidates.nonzero(as_tuple=True)
        person = people[person_inds]
        oks = offsets.new_zeros(candidates.shape)
        oks[inds, person_inds] = object_keypoint_similarities(
            poses[inds], person.keypoints, person.keypoints_visible, person.areas, self.sigmas
        )
        probs = logits.sigmoid()[:, people.labels]
        return self.assigner(candidates, people.bboxes, oks, probs), oks
