"""The DirectPose head: towers, losses and decoding.

Legend of dimensions:
    B images, L levels, P locations of all levels, G people, K keypoints, C classes,
    N used locations (positives in training, candidates in inference).
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from mmdet.models.dense_heads.base_dense_head import BaseDenseHead
from mmdet.models.task_modules.prior_generators import MlvlPointGenerator
from mmdet.registry import MODELS, TASK_UTILS
from mmdet.structures.bbox import distance2bbox
from mmdet.utils import reduce_mean
from mmengine.structures import InstanceData
from torch import Tensor, nn

from ...utils.errors import InputError
from ..losses import reduce_avg_factor
from ..pose_results import pose_instances, to_host, to_original_pixels
from .coder import decode_keypoints, enclosing_boxes
from .decoding import Detections, clip_boxes, nms_by_image, select_candidates
from .sparse_maps import PyramidShape, flatten_levels
from .targets import ignored_locations, people_of, targets_at
from .tower import Tower

INF = float('inf')


def check_levels(strides: Sequence[int], num_levels: int, num_ranges: int) -> None:
    """Check the strides of all levels, and that each level of the head has its range.

    Raises:
        InputError: the strides do not double, or there are more or fewer ranges than levels.
    """
    if num_levels != num_ranges:
        raise InputError(
            f'{num_levels} strides but {num_ranges} regress_ranges: '
            'DirectPoseHead needs one of each for every level'
        )
    if any(2 * fine != coarse for fine, coarse in pairwise(strides)):
        raise InputError(f'strides {list(strides)}: each must be twice the one before')


@MODELS.register_module()
class DirectPoseHead(BaseDenseHead):
    """FCOS head with K keypoints in place of the two corners of a box (DirectPose, section 3).

    The optional branches are absent where their loss is ``None``; without centerness, the score is
    the class probability.

    Args:
        num_classes: C.
        in_channels: channels of the feature maps.
        num_keypoints: K.
        kpt_predictor: config of :class:`KPAlign` or :class:`KeypointConv`, without
            ``num_keypoints`` and ``with_visibility``. The keypoint tower has its channels, and
            its groups of features, which the tower's convolutions keep separate.
        feat_channels: channels of the cls and bbox towers.
        stacked_convs: convolutions of each tower.
        kpt_first_kernel: kernel size of the keypoint tower's first convolution, which is its only
            dense one and costs the most.
        num_norm_groups: of the normalisations of the cls and bbox towers.
        strides: stride of each level, in pixels, finest first, each twice the one before.
        finer_strides: the same of finer levels, which the keypoint predictor reads and where
            nobody is predicted.
        regress_ranges: range of the largest distance of a location to the sides of its box, in
            pixels, for each level.
        assigner: config of :class:`CenterAssigner`: which locations learn whom.
        centerness_on_kpt: predict the centerness from the keypoint tower, not the cls tower.
        with_cp: compute the towers again for the gradients, which saves memory and costs time.
        loss_cls, loss_centerness, loss_kpt: configs of the losses; ``loss_kpt`` is an L1 or
            smooth-L1 loss on offsets in strides.
        loss_vis: config of the loss of the visibility branch (optional).
        vis_target: config of what that branch learns: :class:`LabelledKeypoints` or
            :class:`FoundKeypoints`.
        sigmas: of the K keypoints, as in COCO's OKS; a :class:`DirectPose` gives its metainfo's.
        loss_bbox: config of the loss of the box branch (optional).
        train_cfg: unused; part of mmdet's interface.
        test_cfg: ``score_thr``, ``nms_pre`` (for each level), ``iou_thr``, ``max_per_img``.

    Raises:
        InputError: the numbers of strides and of regress ranges differ, the strides do not double,
            there are more or fewer sigmas than keypoints, or one keypoint and no box branch.
    """

    def __init__(
        self,
        num_keypoints: int,
        kpt_predictor: dict,
        num_classes: int = 1,
        in_channels: int = 256,
        feat_channels: int = 256,
        stacked_convs: int = 4,
        kpt_first_kernel: int = 3,
        num_norm_groups: int = 32,
        strides: Sequence[int] = (8, 16, 32, 64, 128),
        finer_strides: Sequence[int] = (),
        regress_ranges: Sequence[Sequence[float]] = (
            (-1, 64),
            (64, 128),
            (128, 256),
            (256, 512),
            (512, INF),
        ),
        assigner: dict = dict(type='mmdet.CenterAssigner'),  # noqa: B006
        centerness_on_kpt: bool = False,
        with_cp: bool = False,
        loss_cls: dict = dict(type='mmdet.SigmoidFocalLoss'),  # noqa: B006
        loss_centerness: dict | None = dict(type='mmdet.CrossEntropyLoss', use_sigmoid=True),  # noqa: B006
        loss_kpt: dict = dict(type='mmdet.SmoothL1Loss', beta=1 / 9),  # noqa: B006
        loss_vis: dict | None = None,
        vis_target: dict = dict(type='mmdet.LabelledKeypoints'),  # noqa: B006
        sigmas: Sequence[float] | None = None,
        loss_bbox: dict | None = None,
        train_cfg: dict | None = None,
        test_cfg: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        if init_cfg is None:
            prior = dict(type='Normal', name='conv_cls', std=0.01, bias_prob=0.01)
            init_cfg = dict(type='Normal', layer=['Conv2d', 'Linear'], std=0.01, override=prior)
        super().__init__(init_cfg)
        check_levels([*finer_strides, *strides], len(strides), len(regress_ranges))
        if sigmas is not None and len(sigmas) != num_keypoints:
            raise InputError(f'{len(sigmas)} sigmas for {num_keypoints} keypoints: give as many')
        if num_keypoints == 1 and loss_bbox is None:
            raise InputError(
                'a pose of one keypoint has no extent, by which people are told apart; give '
                'DirectPoseHead a box branch (loss_bbox), and leave PseudoBoxes out of the pipeline'
            )
        self.feature_strides = [*finer_strides, *strides]
        self.num_finer = len(finer_strides)
        self.num_classes = num_classes
        self.centerness_on_kpt = centerness_on_kpt
        self.test_cfg = test_cfg
        self.prior_generator = MlvlPointGenerator(list(strides), offset=0.5)
        self.assigner = TASK_UTILS.build(assigner)
        self.register_buffer('regress_ranges', torch.tensor(regress_ranges), persistent=False)
        self.register_buffer('strides', torch.tensor(strides, dtype=torch.float), persistent=False)
        spreads = None if sigmas is None else torch.tensor(sigmas, dtype=torch.float)
        self.register_buffer('sigmas', spreads, persistent=False)
        self.with_centerness = loss_centerness is not None
        self.with_vis, self.with_bbox = loss_vis is not None, loss_bbox is not None

        self.kpt_predictor = MODELS.build(
            dict(num_keypoints=num_keypoints, with_visibility=self.with_vis) | kpt_predictor
        )
        towers = dict(stacked_convs=stacked_convs, with_cp=with_cp)
        self._init_layers(in_channels, feat_channels, num_norm_groups, kpt_first_kernel, towers)
        self.loss_cls = MODELS.build(loss_cls)
        self.loss_kpt = MODELS.build(loss_kpt)
        if self.with_centerness:
            self.loss_centerness = MODELS.build(loss_centerness)
        if self.with_vis:
            self.loss_vis = MODELS.build(loss_vis)
            self.vis_target = TASK_UTILS.build(vis_target)
        if self.with_bbox:
            self.loss_bbox = MODELS.build(loss_bbox)

    def _init_layers(
        self, in_channels: int, channels: int, num_groups: int, first_kernel: int, towers: dict
    ) -> None:
        """The towers, and the convolutions that follow them; see the arguments of the class."""
        kpt_channels = self.kpt_predictor.in_channels
        self.cls_tower = Tower(in_channels, channels, num_groups, **towers)
        self.kpt_tower = Tower(
            in_channels,
            kpt_channels,
            kpt_channels // 4,
            self.kpt_predictor.feature_groups,
            first_kernel=first_kernel,
            **towers,
        )
        self.conv_cls = nn.Conv2d(channels, self.num_classes, 3, padding=1)
        if self.with_centerness:
            centerness_channels = kpt_channels if self.centerness_on_kpt else channels
            self.conv_centerness = nn.Conv2d(centerness_channels, 1, 3, padding=1)
        if self.with_bbox:
            self.bbox_tower = Tower(in_channels, channels, num_groups, **towers)
            self.conv_bbox = nn.Conv2d(channels, 4, 3, padding=1)

    def forward(self, feats: Sequence[Tensor]) -> dict:
        """Compute all that is computed over whole levels.

        Args:
            feats: feature maps (B, C_in, H_l, W_l), finest level first, with those that are only
                read.

        Returns:
            ``cls_scores`` (B, C, H_l, W_l) and ``centernesses`` (B, 1 or C, H_l, W_l), logits;
            ``kpt_tables``, what the keypoint predictor reads at locations, see its ``dense``; with
            the box branch also ``bbox_preds`` (B, 4, H_l, W_l), distances to the sides (l, t, r, b)
            in strides.
        """
        kpt_feats = [self.kpt_tower(x) for x in feats]
        finer, kpt_feats = kpt_feats[: self.num_finer], kpt_feats[self.num_finer :]
        feats = feats[self.num_finer :]
        cls_feats = [self.cls_tower(x) for x in feats]
        cls_scores = [self.conv_cls(x) for x in cls_feats]
        centernesses = cls_scores  # sqrt(p * p): the score is the class probability
        if self.with_centerness:
            centerness_feats = kpt_feats if self.centerness_on_kpt else cls_feats
            centernesses = [self.conv_centerness(x) for x in centerness_feats]
        outs = dict(
            cls_scores=cls_scores,
            centernesses=centernesses,
            kpt_tables=self.kpt_predictor.dense(kpt_feats, finer),
        )
        if self.with_bbox:
            outs['bbox_preds'] = [self.conv_bbox(self.bbox_tower(x)).relu() for x in feats]
        return outs

    # ------------------------------------------------------------------ training

    def loss(self, x: Sequence[Tensor], batch_data_samples: list) -> dict[str, Tensor]:
        """Losses of a batch.

        Args:
            x: feature maps (B, C_in, H_l, W_l).
            batch_data_samples: with ``gt_instance_labels``: ``bboxes`` (G, 4) xyxy, ``labels``
                (G,), ``keypoints`` (G, K, 2), all in network-input pixels,
                ``keypoints_visible`` (G, K), > 0 where labelled, and optionally ``areas`` (G,) in
                square pixels, else a share of the boxes. The locations in the box of
                somebody without a labelled keypoint are not classified, unless they are positive
                for somebody else.
        """
        return self.loss_by_feat(self(x), [s.gt_instance_labels for s in batch_data_samples])

    @torch.compiler.disable  # sizes depend on values
    def loss_by_feat(self, outs: dict, batch_labels: list[InstanceData]) -> dict[str, Tensor]:
        """Losses from the outputs of :meth:`forward` and the labels of the B images, in float32."""
        cls_scores = flatten_levels(outs['cls_scores']).float()  # (B, P, C)
        priors = self._priors(outs['cls_scores'])  # (P, 4)
        batch_inds, point_inds, targets = self._positives(outs, cls_scores, priors, batch_labels)
        cls_targets = torch.zeros_like(cls_scores)
        cls_targets[batch_inds, point_inds, targets.labels] = targets.qualities
        cls_weights = torch.stack([~ignored_locations(priors, labels) for labels in batch_labels])
        cls_weights[batch_inds, point_inds] = True
        num_pos = reduce_avg_factor(cls_scores.new_full((), len(batch_inds)))
        losses = dict(
            loss_cls=self.loss_cls(
                cls_scores, cls_targets, weight=cls_weights[..., None].float(), avg_factor=num_pos
            )
        )
        if self.with_centerness:
            centernesses = flatten_levels(outs['centernesses']).float()[batch_inds, point_inds, 0]
            losses['loss_centerness'] = self.loss_centerness(
                centernesses, targets.centernesses, avg_factor=num_pos
            )
        locations = PyramidShape.of(outs['cls_scores']).locations(batch_inds, point_inds)
        stages, vis_logits = self.kpt_predictor.stages(outs['kpt_tables'], locations)
        losses.update(self._keypoint_losses(stages, vis_logits, targets))
        if self.with_bbox:
            distances = flatten_levels(outs['bbox_preds']).float()[batch_inds, point_inds]
            boxes = distance2bbox(targets.points, distances * targets.strides[:, None])
            losses['loss_bbox'] = self.loss_bbox(
                boxes,
                targets.bboxes,
                weight=targets.centernesses,
                avg_factor=reduce_mean(targets.centernesses.sum()).clamp(min=1e-6),
            )
        return losses

    def _keypoint_losses(
        self, stages: list[Tensor], vis_logits: Tensor, targets: InstanceData
    ) -> dict[str, Tensor]:
        """Losses of the keypoints, and of their visibility, at the N positives."""
        offsets, labelled = stages[-1], targets.keypoints_visible  # (N, K), 0 or 1
        weights = (targets.centernesses[:, None] * labelled)[..., None].expand_as(offsets)
        # Per location: centerness times labelled keypoints; the mean over x and y is the 2.
        avg_factor = 2 * reduce_avg_factor(weights[..., 0].sum())
        by_stage = [
            share * self.loss_kpt(stage, targets.offsets, weight=weights, avg_factor=avg_factor)
            for stage, share in zip(stages, self.kpt_predictor.stage_weights, strict=True)
        ]
        losses = dict(loss_kpt=sum(by_stage))
        if self.with_vis:
            losses['loss_vis'] = self.loss_vis(
                vis_logits[..., 0],
                self.vis_target(offsets, targets, self.sigmas),
                avg_factor=reduce_avg_factor(labelled.sum()),
            )
        return losses

    def _priors(self, maps: Sequence[Tensor]) -> Tensor:
        """Locations of all levels: (P, 4) = (x, y, stride, stride), in pixels, float32."""
        priors = self.prior_generator.grid_priors(
            [x.shape[-2:] for x in maps], device=maps[0].device, with_stride=True
        )
        return torch.cat(priors)

    def _positives(
        self, outs: dict, cls_scores: Tensor, priors: Tensor, batch_labels: list[InstanceData]
    ) -> tuple[Tensor, Tensor, InstanceData]:
        """The N locations that learn somebody.

        Args:
            outs: of :meth:`forward`.
            cls_scores (B, P, C): logits.
            priors (P, 4): (x, y, stride, stride) of the locations.
            batch_labels: of the B images.

        Returns:
            Image (N,) and index among the P locations (N,) of each, and its targets: those of
            :func:`targets_at`, and ``qualities`` (N,), which its class score learns.
        """
        people = people_of(batch_labels)
        batch_inds, point_inds, candidates = self._candidates(priors, people, batch_labels)
        matched = self.assigner(candidates, people.bboxes)
        targets = targets_at(people[matched], priors[point_inds])
        targets.qualities = torch.ones_like(targets.centernesses)
        return batch_inds, point_inds, targets

    def _candidates(
        self, priors: Tensor, people: InstanceData, batch_labels: list[InstanceData]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The N locations that may learn somebody.

        Returns:
            Image (N,) and index among the P locations (N,) of each, and whom of the G people of
            all images it may learn, (N, G).
        """
        # No location learns somebody without a labelled keypoint.
        labelled = people.keypoints_visible.any(-1, keepdim=True)
        bboxes = torch.where(labelled, people.bboxes, 0.0)
        levels = torch.bucketize(priors[:, 2].contiguous(), self.strides)
        near = self.assigner.candidates(priors, self.regress_ranges[levels], bboxes)  # (P, G)
        by_image = near.split([len(labels) for labels in batch_labels], 1)
        batch_inds, point_inds = torch.stack([n.any(1) for n in by_image]).nonzero(as_tuple=True)
        same_image = batch_inds[:, None] == people.batch_inds
        return batch_inds, point_inds, near[point_inds] & same_image

    # ------------------------------------------------------------------ inference

    def predict(
        self, x: Sequence[Tensor], batch_data_samples: list, rescale: bool = False
    ) -> list[InstanceData]:
        """Detect the people of a batch; see :meth:`predict_by_feat`."""
        batch_img_metas = [sample.metainfo for sample in batch_data_samples]
        return self.predict_by_feat(self(x), batch_img_metas, rescale)

    @torch.compiler.disable  # sizes depend on values
    def predict_by_feat(
        self, outs: dict, batch_img_metas: list[dict], rescale: bool = False
    ) -> list[InstanceData]:
        """Turn the outputs of :meth:`forward` into people.

        Args:
            outs: see :meth:`forward`.
            batch_img_metas: with ``img_shape`` (h, w), the part of the network input that the
                image fills, and for ``rescale`` what :func:`to_original_pixels` needs.
            rescale: return pixels of the original image, not of the network input.

        Returns:
            For each image at most ``max_per_img`` people by falling score, as
            :func:`pose_instances` gives them, on the CPU.
        """
        img_sizes = torch.tensor([meta['img_shape'][:2] for meta in batch_img_metas])
        img_sizes = img_sizes.to(self.strides.device, non_blocking=True)
        people = self.suppress(self.decode(outs, img_sizes), img_sizes)
        people = Detections(*to_host(*people))
        by_image = people.batch_inds.argsort(stable=True)
        images = torch.arange(len(batch_img_metas), device=by_image.device)
        counts = (people.batch_inds[:, None] == images).sum(0).tolist()
        results = []
        for part, meta in zip(by_image.split(counts), batch_img_metas, strict=True):
            found = pose_instances(*people.take(part)[1:])
            results.append(to_original_pixels(found, meta) if rescale else found)
        return results

    def decode(self, outs: dict, img_sizes: Tensor) -> Detections:
        """Decode the candidates; their boxes are clipped to their images.

        Args:
            outs: see :meth:`forward`.
            img_sizes (B, 2): (h, w) of the part of the network input that each image fills.

        Raises:
            InputError: under ``torch.jit`` tracing, which would take the number of people for a
                constant.
        """
        if torch.jit.is_tracing():
            raise InputError(
                'DirectPose cannot be traced by torch.jit, as the number of people changes; '
                'export it with tools/export_onnx.py'
            )
        locations, labels, scores = select_candidates(
            outs['cls_scores'],
            outs['centernesses'],
            self.test_cfg['score_thr'],
            self.test_cfg['nms_pre'],
        )
        offsets, vis_logits = self.kpt_predictor(outs['kpt_tables'], locations)
        strides = self.strides[locations.levels]
        points = (locations.cells + 0.5) * strides[:, None]
        keypoints = decode_keypoints(offsets, points, strides)
        if self.with_bbox:
            point_inds = PyramidShape.of(outs['bbox_preds']).point_inds(locations)
            distances = flatten_levels(outs['bbox_preds']).float()
            distances = distances[locations.batch_inds, point_inds]
            bboxes = distance2bbox(points, distances * strides[:, None])
        else:
            bboxes = enclosing_boxes(keypoints)
        if self.with_vis:
            keypoint_scores = vis_logits[..., 0].sigmoid()
        else:
            keypoint_scores = scores[:, None].expand(keypoints.shape[:2])
        bboxes = clip_boxes(bboxes, img_sizes[locations.batch_inds])
        return Detections(locations.batch_inds, bboxes, scores, labels, keypoints, keypoint_scores)

    def suppress(self, people: Detections, img_sizes: Tensor) -> Detections:
        """Keep the best of overlapping people of each image, at most ``max_per_img``."""
        chosen = nms_by_image(
            people.bboxes,
            people.scores,
            people.batch_inds,
            people.labels,
            img_sizes,
            self.num_classes,
            self.test_cfg['iou_thr'],
            self.test_cfg['max_per_img'],
        )
        return people.take(chosen)
