"""Weights of a trained model for another skeleton, to start a training from.

Legend of dimensions:
    K keypoints, M keypoint groups, c outputs of a keypoint (x, y and perhaps its visibility).
"""

import re
from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

import torch
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmpose.registry import MODELS
from torch import Tensor

from ..datasets.metainfo import parse_metainfo
from ..models.directpose.detector import resolve_predictor_cfg
from ..utils.config import build_model
from ..utils.errors import InputError

# Parts whose outputs are those of keypoints, and the dimension of the outputs.
BY_KEYPOINT = {
    r'bbox_head\.kpt_predictor\.conv\.': 0,
    r'heatmap_head\.predictor\.': 0,
    r'roi_head\.keypoint_head\.deconv\.bias': 0,
    r'roi_head\.keypoint_head\.deconv\.weight': 1,
}
# Parts whose outputs are those of groups: where features are shared, the locator only.
BY_GROUP = r'bbox_head\.(kpt_tower|kpt_predictor\.(sampler|locator))\.'
LOCATOR = r'bbox_head\.kpt_predictor\.locator\.'
# Layers of each keypoint that read the features of its group
ITERATION = r'bbox_head\.kpt_predictor\.iterations\.'
PREDICTOR = r'bbox_head\.kpt_predictor\.predictors\.(\d+)\.(\w+)'
PREDICTORS = 'bbox_head.kpt_predictor.predictors.'
CENTERNESS = r'bbox_head\.conv_centerness\.weight'


class Skeleton(NamedTuple):
    """Keypoints of a model, and how KPAlign groups them.

    Attributes:
        names: of the K keypoints.
        groups: indices of the keypoints of each of the M groups; none without KPAlign.
        separate: whether each group has features of its own.
        centerness_on_kpt: whether the centerness reads these features.
    """

    names: list[str]
    groups: list[tuple]
    separate: bool
    centerness_on_kpt: bool

    @classmethod
    def of(cls, cfg: Config) -> 'Skeleton':
        """Of the model of a config."""
        skeleton = parse_metainfo(cfg.model.metainfo)
        head = cfg.model.get('bbox_head') or {}
        predictor, separate = head.get('kpt_predictor'), False
        groups: list[tuple] = []
        if predictor is not None:
            groups = resolve_predictor_cfg(predictor, skeleton).get('groups') or []
            separate = bool(groups) and MODELS.get(predictor.type).separate_features
        names = list(skeleton['keypoint_id2name'].values())
        return cls(names, groups, separate, bool(head.get('centerness_on_kpt')))

    def group_of(self, keypoint: int) -> int:
        """The group of a keypoint."""
        return next(g for g, group in enumerate(self.groups) if keypoint in group)


def map_keypoints(source: Skeleton, target: Skeleton, pairs: Mapping[str, str]) -> list[int]:
    """The keypoint of the source for each of the target, -1 where there is none.

    Args:
        source, target: of the trained and of the new model.
        pairs: names in the source by names in the target; others are found by the same name.

    Raises:
        InputError: a name is not one of the skeleton's.
    """
    for names, skeleton, which in ((pairs, target, 'new'), (pairs.values(), source, 'trained')):
        unknown = [name for name in names if name not in skeleton.names]
        if unknown:
            raise InputError(
                f'--map: {", ".join(unknown)} is no keypoint of the {which} model; its keypoints '
                f'are {", ".join(skeleton.names)}'
            )
    wanted = [pairs.get(name, name) for name in target.names]
    return [source.names.index(name) if name in source.names else -1 for name in wanted]


def map_groups(source: Skeleton, target: Skeleton, keypoints: list[int]) -> list[int]:
    """The group of the source that most keypoints of each group of the target come from, or -1."""
    chosen = []
    for group in target.groups:
        origins = [source.group_of(keypoints[k]) for k in group if keypoints[k] >= 0]
        chosen.append(Counter(origins).most_common(1)[0][0] if origins else -1)
    return chosen


def keypoints_in_place(
    source: Skeleton, target: Skeleton, keypoints: list[int], groups: list[int]
) -> list[int]:
    """Those of :func:`map_keypoints` whose new group has the features of their old one, or -1."""
    return [
        origin if origin >= 0 and groups[target.group_of(k)] == source.group_of(origin) else -1
        for k, origin in enumerate(keypoints)
    ]


def transfer(
    trained: Mapping[str, Tensor],
    source: Skeleton,
    fresh: Mapping[str, Tensor],
    target: Skeleton,
    keypoints: list[int],
) -> dict[str, Tensor]:
    """Weights for the new model: what the trained one knows; what is new in them stays fresh.

    Args:
        trained: weights of the trained model.
        source: its skeleton.
        fresh: initialised weights of the new model.
        target: its skeleton.
        keypoints: see :func:`map_keypoints`.

    Returns:
        The weights that the trained model has a part in.
    """
    with_groups = bool(source.groups and target.groups) and source.separate == target.separate
    groups = map_groups(source, target, keypoints) if with_groups else []
    result: dict[str, Tensor] = {}
    for name, weight in fresh.items():
        match = re.match(PREDICTOR, name)
        dim = next((dim for part, dim in BY_KEYPOINT.items() if re.match(part, name)), None)
        if match:
            if with_groups:
                rows = predictor_rows(match, trained, source, target, keypoints, groups)
                result |= exchange(name, weight, rows, len(target.groups[int(match[1])]), 0)
        elif re.match(ITERATION, name):
            if with_groups:
                kept = keypoints_in_place(source, target, keypoints, groups)
                result |= take_blocks(name, weight, trained, kept, len(source.names), 0)
        elif dim is not None:
            result |= take_blocks(name, weight, trained, keypoints, len(source.names), dim)
        elif with_groups and re.match(BY_GROUP if source.separate else LOCATOR, name):
            result |= take_blocks(name, weight, trained, groups, len(source.groups), 0)
        elif re.match(CENTERNESS, name) and (source.centerness_on_kpt != target.centerness_on_kpt):
            continue  # it read other features
        elif with_groups and source.centerness_on_kpt and re.match(CENTERNESS, name):
            result |= take_blocks(name, weight, trained, groups, len(source.groups), 1)
        elif name in trained and trained[name].shape == weight.shape:
            result[name] = trained[name]
    return result


def take_blocks(
    name: str,
    weight: Tensor,
    trained: Mapping[str, Tensor],
    origins: list[int],
    count: int,
    dim: int,
) -> dict[str, Tensor]:
    """A weight whose blocks along a dimension are those of keypoints or groups.

    Args:
        name, weight: of the new model.
        trained: weights of the trained one.
        origins: block of the trained weight for each of the new one, or -1.
        count: blocks of the trained weight.
        dim: along which they lie.

    Returns:
        The weight by its name; nothing if the trained model has none that fits.
    """
    if name not in trained or trained[name].shape[dim] % count:
        return {}
    theirs = trained[name].movedim(dim, 0).unflatten(0, (count, -1))
    taken = {place: theirs[origin] for place, origin in enumerate(origins) if origin >= 0}
    return exchange(name, weight, taken, len(origins), dim)


def predictor_rows(
    match: re.Match,
    trained: Mapping[str, Tensor],
    source: Skeleton,
    target: Skeleton,
    keypoints: list[int],
    groups: list[int],
) -> dict[int, Tensor]:
    """Outputs of a predictor of KPAlign that read the features which they were trained with.

    Returns:
        For places of keypoints in the new group: (c, …) of the trained one.
    """
    group, origin = target.groups[int(match[1])], groups[int(match[1])]
    members = source.groups[origin] if origin >= 0 else ()
    places = {place: keypoints[k] for place, k in enumerate(group) if keypoints[k] in members}
    if not places:
        return {}
    theirs = trained[f'{PREDICTORS}{origin}.{match[2]}']
    theirs = theirs.unflatten(0, (len(members), -1))
    return {place: theirs[members.index(keypoint)] for place, keypoint in places.items()}


def exchange(
    name: str, weight: Tensor, taken: Mapping[int, Tensor], count: int, dim: int
) -> dict[str, Tensor]:
    """A weight in which some blocks are exchanged, by its name; nothing if none of them fits.

    Args:
        name, weight: of the new model.
        taken: blocks (outputs, …) by their places. x and y of a keypoint are taken from a model
            with visibility, and the other way round.
        count: blocks of the weight.
        dim: along which they lie.
    """
    blocks = weight.movedim(dim, 0).unflatten(0, (count, -1)).clone()
    found = False
    for place, values in taken.items():
        ours = blocks[place]
        same = ours.shape == values.shape
        visibility = {len(ours), len(values)} == {2, 3} and ours.shape[1:] == values.shape[1:]
        if same or visibility:
            ours[: len(values)] = values[: len(ours)]
            found = True
    return {name: blocks.flatten(0, 1).movedim(0, dim).contiguous()} if found else {}


def check_source(trained: Mapping[str, Tensor], source: Skeleton, config: str) -> None:
    """Check that the outputs of a trained model are those of the skeleton of its config.

    Args:
        trained: its weights; only the numbers of their outputs have to be those of the config.
        source: the skeleton.
        config: name of the file.

    Raises:
        InputError: outputs are missing, or there are more or fewer.
    """
    points = {f'{PREDICTORS}{number}.weight': len(g) for number, g in enumerate(source.groups)}
    problems = [f'they have no {name}' for name in points if name not in trained]
    points['bbox_head.kpt_predictor.conv.weight'] = len(source.names)
    allowed = {name: [2 * count, 3 * count] for name, count in points.items()}  # with visibility
    allowed['roi_head.keypoint_head.deconv.bias'] = [len(source.names)]
    problems += [
        f'{name} has {len(trained[name])} outputs, not {counts[0]}'
        for name, counts in allowed.items()
        if name in trained and len(trained[name]) not in counts
    ]
    if problems:
        raise InputError(
            f'the trained weights are not of {config}: {problems[0]}; give the config that they '
            'were trained with as --source-config'
        )


def for_finetuning(
    trained: Mapping[str, Tensor], source_cfg: Config, target_cfg: Config, pairs: Mapping[str, str]
) -> tuple[dict[str, Tensor], str]:
    """Weights to start a training of another skeleton from, and a report of what they hold.

    Raises:
        InputError: the models are of different kinds, or the trained weights are not of their
            config.
    """
    if source_cfg.model.type != target_cfg.model.type:
        raise InputError(
            f'{source_cfg.filename} is of {source_cfg.model.type}, {target_cfg.filename} of '
            f'{target_cfg.model.type}; give a config of the same kind of model'
        )
    source, target = Skeleton.of(source_cfg), Skeleton.of(target_cfg)
    check_source(trained, source, source_cfg.filename)
    keypoints = map_keypoints(source, target, pairs)
    target_cfg.model.backbone.init_cfg = None
    MMLogger.get_instance('finetune', log_level='ERROR')  # else each weight's origin is told
    model = build_model(target_cfg)
    torch.manual_seed(0)
    model.init_weights()
    fresh = {n: w for n, w in model.state_dict().items() if not n.startswith('data_prep')}
    weights = transfer(trained, source, fresh, target, keypoints)
    if not weights:
        raise InputError('none of the trained weights fit the new model; check --config')
    return weights, report(source, target, keypoints, weights, fresh)


def report(
    source: Skeleton,
    target: Skeleton,
    keypoints: list[int],
    weights: Mapping[str, Tensor],
    fresh: Mapping[str, Tensor],
) -> str:
    """What comes from the trained model: by keypoint, and by part of the model."""
    lines = [f'{"keypoint":20} from']
    for name, origin in zip(target.names, keypoints, strict=True):
        lines.append(f'{name:20} {source.names[origin] if origin >= 0 else "new"}')
    if target.groups:
        groups = map_groups(source, target, keypoints) if source.groups else []
        lines += ['', f'{"group":40} features from the group of']
        for group, origin in zip(target.groups, groups, strict=False):
            members = ', '.join(target.names[k] for k in group)
            theirs = ', '.join(source.names[k] for k in source.groups[origin])
            lines.append(f'{members:40} {theirs if origin >= 0 else "new"}')
    part = re.compile(r'^(backbone|neck|heatmap_head|rpn_head|(?:bbox_head|roi_head)\.\w+)')
    total, taken = (
        Counter(match[1] for name in names if (match := part.match(name)))
        for names in (fresh, weights)
    )
    lines += ['', f'{"part":32} weights with something of the trained model']
    lines += [f'{name:32} {taken[name]} of {count}' for name, count in total.items()]
    return '\n'.join(lines)
