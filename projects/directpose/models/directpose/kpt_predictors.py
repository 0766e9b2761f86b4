"""Keypoint predictors: KPAlign, and a plain convolution as the baseline.

Legend of dimensions:
    B images, L levels, P cells of all levels of an image, C channels of the keypoint tower,
    K keypoints, M keypoint groups, Cg channels that a group reads, F groups of features that the
    tower keeps separate (M or 1), N used locations, c outputs of a keypoint (2, or 3 with
    visibility).
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmcv.cnn import ConvModule
from mmdet.registry import MODELS
from torch import Tensor, nn

from ...utils.errors import InputError
from ..precision import at_least_float32, float32_products
from .sparse_maps import FeatureTable, Locations, gather_3x3

# How many levels finer a group is sampled than predicted, as far as there are finer ones.
SOURCE_LEVELS = {'same': 0, 'finer': 1, 'finest': 1000}


def check_groups(groups: Sequence[Sequence[int]], num_keypoints: int) -> None:
    """Check that the groups hold each keypoint exactly once.

    Raises:
        InputError: a keypoint is missing, repeated or not in ``range(num_keypoints)``.
    """
    listed = [k for group in groups for k in group]
    problems = {
        'miss': sorted(set(range(num_keypoints)) - set(listed)),
        'repeat': sorted({k for k in listed if listed.count(k) > 1}),
        'exceed the range with': sorted({k for k in listed if not 0 <= k < num_keypoints}),
    }
    found = [f'{what} {which}' for what, which in problems.items() if which]
    if any(len(group) == 0 for group in groups):
        found.append('contain an empty group')
    if found:
        raise InputError(
            f'keypoint groups {[list(group) for group in groups]} {", ".join(found)}: each of '
            f'the {num_keypoints} keypoints (0 to {num_keypoints - 1}) must be in exactly one group'
        )


def cells_around(positions: Tensor) -> tuple[Tensor, Tensor]:
    """The cells before and after positions along an axis, and their shares of a linear reading.

    Args:
        positions (...): in cells; an integer is a cell's centre.

    Returns:
        cells (2, ...), long, perhaps outside the map, and shares (2, ...).
    """
    low = positions.detach().floor()
    share = positions - low
    return torch.stack((low, low + 1)).long(), torch.stack((1 - share, share))


class KeypointPredictor(nn.Module):
    """What :class:`DirectPoseHead` takes its keypoints from, in one stage or in several.

    Attributes:
        stage_weights: how much the loss of each stage counts.
    """

    stage_weights: Sequence[float] = (1.0,)

    def forward(self, tables, locations: Locations) -> tuple[Tensor, Tensor]:
        """The last stage's offsets (N, K, 2), and visibility logits; see :meth:`stages`."""
        stages, vis_logits = self.stages(tables, locations)
        return stages[-1], vis_logits

    def stages(self, tables, locations: Locations) -> tuple[list[Tensor], Tensor]:
        """Predict the keypoints seen from N locations.

        Args:
            tables: what ``dense`` computes over whole levels.
            locations: N of them.

        Returns:
            offsets (N, K, 2) of each stage: location -> keypoint, (x, y), in strides of the
            location's level; vis_logits (N, K, c - 2): visibility logits, if there are any. All
            float32 or wider.
        """
        raise NotImplementedError


@MODELS.register_module()
class KPAlign(KeypointPredictor):
    """Keypoint Alignment layer (DirectPose, section 3.2).

    The *locator* predicts a rough place for each keypoint group, the *sampler*'s features are
    read there, and the *predictor* of the group adds the rest of the offset of each of its
    keypoints: ``kpt_k = base_g + d_k / r``, in strides of the location's level, where r is
    the ratio of the strides of that level and of the level the features are read from. The
    stride doubles from each level to the next.

    The sampler is a convolution over whole levels (:meth:`dense`); everything else happens at the
    N locations asked for. A group is sampled at
    ``r * (cell + base) + r // 2`` of its source level. The true centre would be
    ``(r - 1) / 2``; ``r // 2`` is what the reference program does and what weights trained with
    it expect.

    Args:
        groups: keypoint indices of each group; each keypoint in exactly one. In the config of a
            :class:`DirectPose` also names, or left out: see :func:`resolve_groups`.
        num_keypoints: K.
        group_channels: Cg; the input must have ``M * Cg`` channels, group by group.
        source_levels: ``'finer'`` (one level finer), ``'same'`` or ``'finest'``, for all groups
            or one for each group.
        with_visibility: predict a visibility logit for each keypoint too.

    Raises:
        InputError: the groups miss, repeat or exceed keypoints, a source is unknown, or the
            channels of all groups are no multiple of 4.
    """

    separate_features = True
    float32_parts = ('locator', 'predictors')  # whatever the precision of the model
    level_offsets: Tensor
    keypoint_order: Tensor
    keypoint_group: Tensor

    def __init__(
        self,
        groups: Sequence[Sequence[int]],
        num_keypoints: int,
        group_channels: int = 64,
        source_levels: str | Sequence[str] = 'finer',
        with_visibility: bool = False,
    ) -> None:
        super().__init__()
        check_groups(groups, num_keypoints)
        self.num_groups = len(groups)
        self.group_channels = group_channels
        self.point_channels = 3 if with_visibility else 2
        self._register_tables(groups, source_levels)

        self.feature_groups = len(groups) if self.separate_features else 1
        channels = self.in_channels = self.feature_groups * group_channels
        if channels % 4:
            raise InputError(
                f'{self.feature_groups} groups of group_channels={group_channels}: 4 channels are '
                'normalised together, so give a multiple of 4'
            )
        self.locator = nn.Conv2d(
            channels, 2 * self.num_groups, 3, padding=1, groups=self.feature_groups
        )
        self.sampler = ConvModule(
            channels,
            channels,
            3,
            padding=1,
            groups=self.feature_groups,
            bias=True,
            norm_cfg=dict(type='GN', num_groups=channels // 4),
        )
        self.predictors = nn.ModuleList(
            nn.Linear(group_channels, self.point_channels * len(group)) for group in groups
        )

    def _register_tables(self, groups, source_levels) -> None:
        """Constant look-up tables: they follow the module's device, not its checkpoint."""
        if isinstance(source_levels, str):
            source_levels = [source_levels] * len(groups)
        unknown = set(source_levels) - set(SOURCE_LEVELS)
        if unknown or len(source_levels) != len(groups):
            raise InputError(
                f'source_levels={list(source_levels)}: give one of {list(SOURCE_LEVELS)} for all '
                f'groups or for each of the {len(groups)} groups'
            )
        order = [k for group in groups for k in group]
        group_of = [g for g, group in enumerate(groups) for _ in group]
        by_keypoint = sorted(range(len(order)), key=order.__getitem__)
        tables = dict(
            level_offsets=[SOURCE_LEVELS[name] for name in source_levels],  # (M,)
            keypoint_order=by_keypoint,  # (K,) place of keypoint k in the groups
            keypoint_group=[group_of[i] for i in by_keypoint],  # (K,)
        )
        for name, table in tables.items():
            self.register_buffer(name, torch.tensor(table), persistent=False)

    def dense(
        self, feats: Sequence[Tensor], finer: Sequence[Tensor] = ()
    ) -> tuple[FeatureTable, FeatureTable]:
        """All that is computed over whole levels, whatever the locations.

        Args:
            feats: output of the keypoint tower, (B, C, H_l, W_l) for each level.
            finer: the same for finer levels without locations of their own.

        Returns:
            The features, which the locator reads, and the sampler's, with those of the finer
            levels first; both of C channels.
        """
        maps = [self.sampler(x) for x in (*finer, *feats)]
        return FeatureTable.of(feats), FeatureTable.of(maps)

    def stages(
        self, tables: tuple[FeatureTable, FeatureTable], locations: Locations
    ) -> tuple[list[Tensor], Tensor]:
        """One stage: align once for each group; see :meth:`KeypointPredictor.stages`."""
        feats, maps = tables
        with float32_products(feats.cells):
            bases = self._locate(feats, locations)
            sources, ratios = self._sources(tables, locations)  # (N, M)
            r = ratios[..., None]
            positions = r * locations.cells[:, None] + r * bases + r // 2  # (N, M, 2)
            groups = torch.arange(self.num_groups, device=sources.device)
            preds = self._refine(
                self._sample(maps, locations.batch_inds, sources, positions, groups)
            )

            offsets, vis_logits = preds[..., :2], preds[..., 2:]
            of_group = self.keypoint_group
            offsets = bases[:, of_group] + offsets / ratios[:, of_group, None]
            return [offsets], vis_logits

    def _sources(
        self, tables: tuple[FeatureTable, FeatureTable], locations: Locations
    ) -> tuple[Tensor, Tensor]:
        """The level of the sampler's maps that each group is read from, and r: (N, M) both."""
        feats, maps = tables
        finer = len(maps.shape.widths) - len(feats.shape.widths)
        levels = locations.levels[:, None] + finer
        sources = (levels - self.level_offsets).clamp(min=0)
        return sources, 2 ** (levels - sources)

    def _locate(self, feats: FeatureTable, locations: Locations) -> Tensor:
        """Base of each group at the locations: (N, M, 2), (x, y), in strides.

        The locator's convolution has two outputs a group: at N places it is a small product.
        """
        seen = at_least_float32(gather_3x3(feats, locations))
        seen = seen.unflatten(2, (self.feature_groups, -1))  # (9, N, F, Cg)
        weight = self.locator.weight.flatten(2).unflatten(0, (self.feature_groups, -1))
        bases = torch.einsum('tngc,goct->ngo', seen, weight)  # (N, F, 2 * M / F)
        bases = bases.reshape(-1, self.num_groups, 2)
        return bases + self.locator.bias.unflatten(0, (self.num_groups, 2))

    def _refine(self, sampled: Tensor) -> Tensor:
        """Outputs (N, K, c) of the predictors, from features (N, M, Cg), in one product."""
        weight, bias = (
            torch.cat([getattr(predictor, name) for predictor in self.predictors]).unflatten(
                0, (-1, self.point_channels)
            )[self.keypoint_order]
            for name in ('weight', 'bias')
        )  # (K, c, Cg), (K, c)
        return torch.einsum('nkc,kpc->nkp', sampled[:, self.keypoint_group], weight) + bias

    def _sample(
        self,
        maps: FeatureTable,
        batch_inds: Tensor,
        sources: Tensor,
        positions: Tensor,
        groups: Tensor,
    ) -> Tensor:
        """Read the sampler's maps bilinearly at S places seen from each location: (N, S, Cg).

        Args:
            maps: of the sampler, with F * Cg channels.
            batch_inds (N,), sources (N, S): image and level that each is read from.
            positions (N, S, 2): (x, y) in cells of that level.
            groups (S,): whose features are read.
        """
        cells, shape = maps
        # One cell outside is as good as any further, and keeps the integers small.
        x, y = positions.clamp(min=-1).unbind(-1)
        columns, x_shares = cells_around(x.minimum(shape.widths[sources]))  # (2, N, S)
        rows, y_shares = cells_around(y.minimum(shape.heights[sources]))
        inds, has_columns, has_rows = shape.grid_index(sources, columns, rows)  # (2, 2, N, S)
        weights = (y_shares * has_rows)[:, None] * (x_shares * has_columns)
        inds = batch_inds[:, None] * cells.shape[1] + inds
        # A row for each cell and feature group.
        inds = inds * self.feature_groups + groups % self.feature_groups
        corners = F.embedding(inds, cells.reshape(-1, self.group_channels))  # (2, 2, N, S, Cg)
        return (weights[..., None] * corners).flatten(0, 1).sum(0)


@MODELS.register_module()
class SharedKPAlign(KPAlign):
    """KPAlign without separate features, for the ablation (DirectPose, section 3.2).

    All groups read the same Cg channels of one tower.

    Args:
        group_channels: Cg; the input must have as many channels.
        kwargs: of :class:`KPAlign`.
    """

    separate_features = False

    def __init__(
        self,
        groups: Sequence[Sequence[int]],
        num_keypoints: int,
        group_channels: int = 256,
        **kwargs,
    ) -> None:
        super().__init__(groups, num_keypoints, group_channels, **kwargs)


@MODELS.register_module()
class KeypointConv(KeypointPredictor):
    """Predict all keypoints of a location by one 3x3 convolution (DirectPose, section 3.1).

    It stands in :class:`DirectPoseHead` where :class:`KPAlign` does, with the same interface;
    its features form a single group.

    Args:
        in_channels: channels of the keypoint tower, C.
        num_keypoints: K.
        with_visibility: predict a visibility logit for each keypoint too.
    """

    float32_parts = ('conv',)

    def __init__(
        self,
        in_channels: int,
        num_keypoints: int,
        with_visibility: bool = False,
    ) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.feature_groups = 1
        self.point_channels = 3 if with_visibility else 2
        self.conv = nn.Conv2d(in_channels, num_keypoints * self.point_channels, 3, padding=1)

    def dense(self, feats: Sequence[Tensor], finer: Sequence[Tensor] = ()) -> FeatureTable:
        """The output of the keypoint tower, (B, C, H_l, W_l) for each level, as a table.

        Finer levels without locations of their own are not read.
        """
        return FeatureTable.of(feats)

    def stages(self, table: FeatureTable, locations: Locations) -> tuple[list[Tensor], Tensor]:
        """One stage; see :meth:`KeypointPredictor.stages`."""
        seen = at_least_float32(gather_3x3(table, locations)).permute(1, 2, 0)  # (N, C, 9)
        with float32_products(seen):
            preds = F.linear(seen.flatten(1), self.conv.weight.flatten(1), self.conv.bias)
        preds = preds.unflatten(1, (-1, self.point_channels))
        return [preds[..., :2]], preds[..., 2:]
