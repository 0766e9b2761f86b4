"""Parsing mmpose's metainfo, and keypoint groups from limbs."""

import warnings
from collections.abc import Iterable, Mapping, Sequence

from mmengine.config.config import ConfigParsingError
from mmpose.datasets.datasets.utils import parse_pose_metainfo

from ..utils.errors import InputError

USUAL_SIGMA = 0.05
LIMB_LENGTH = 2  # keypoints of the outer part of a limb, which move together: wrist and elbow


def parse_metainfo(metainfo: Mapping) -> dict:
    """Parse the metainfo of a dataset, given as a dict or as ``dict(from_file=PATH)``.

    Returns:
        What mmpose's ``parse_pose_metainfo`` returns.

    Raises:
        InputError: the file is missing, or the metainfo is incomplete or contradicts itself.
    """
    where = f'metainfo {metainfo["from_file"]}' if 'from_file' in metainfo else 'metainfo'
    if 'from_file' in metainfo and len(metainfo) > 1:
        raise InputError(
            f'{where} has from_file and other fields; a config that replaces the from_file of its '
            'base by fields needs _delete_=True among them'
        )
    try:
        with warnings.catch_warnings():
            # that a file of mmpose was found where mmpose is installed
            warnings.simplefilter('ignore', UserWarning)
            skeleton = parse_pose_metainfo(dict(metainfo))
    except FileNotFoundError as error:
        raise InputError(f'{where} does not exist; give a path that is read from here') from error
    except KeyError as error:
        raise InputError(
            f'{where}: {error} is not the name of a keypoint, or a field that is missing; links '
            'and swaps name keypoints of keypoint_info'
        ) from error
    except (SyntaxError, ConfigParsingError) as error:
        raise InputError(f'{where} is no Python that mmengine can read ({error})') from error
    except (AssertionError, AttributeError, TypeError) as error:
        raise InputError(
            f'{where} is not the metainfo of a pose dataset; it needs dataset_name, keypoint_info, '
            'skeleton_info, joint_weights and sigmas'
        ) from error
    problem = skeleton_problem(skeleton)
    if problem:
        raise InputError(f'{where} {problem}')
    return skeleton


def skeleton_problem(skeleton: dict) -> str | None:
    """What contradicts itself in a parsed metainfo, if anything does."""
    count, names = skeleton['num_keypoints'], skeleton['keypoint_id2name']
    weights = skeleton['dataset_keypoint_weights']
    if len(weights) != count:
        return f'has {count} keypoints but {len(weights)} joint_weights; give one for each'
    if sorted(names) != list(range(count)) or len(set(names.values())) != count:
        return 'must number its keypoints from 0 on, each with a name of its own'
    flipped = skeleton['flip_indices']
    lonely = [names[k] for k in range(count) if flipped[flipped[k]] != k]
    if lonely:
        return f'swaps {", ".join(lonely)} with a keypoint that is not swapped back'
    return None


def with_num_keypoints(cfg: dict, skeleton: dict, part: str) -> dict:
    """The config of a part of the model, for the keypoints of a skeleton.

    Raises:
        InputError: the config says another number.
    """
    known = skeleton['num_keypoints']
    if cfg.get('num_keypoints', known) != known:
        raise InputError(
            f'model.{part}.num_keypoints is {cfg["num_keypoints"]}, but model.metainfo '
            f'({skeleton["dataset_name"]}) has {known} keypoints; leave num_keypoints out'
        )
    return {**cfg, 'num_keypoints': known}


def sigmas_of(skeleton: dict) -> list[float]:
    """The sigmas of the keypoints, as in COCO's OKS.

    Where a metainfo does not give one above 0 for each, they are 0.05, as of a small joint.
    """
    sigmas = skeleton['sigmas'].tolist()
    given = len(sigmas) == skeleton['num_keypoints'] and min(sigmas) > 0
    return sigmas if given else [USUAL_SIGMA] * skeleton['num_keypoints']


def resolve_groups(groups: Iterable[Iterable[str | int]] | None, skeleton: dict) -> list[tuple]:
    """Keypoint groups as indices.

    Args:
        groups: names (or indices) of the keypoints of each group; None: see :func:`limb_groups`.
        skeleton: parsed metainfo.

    Raises:
        InputError: a name is not one of the skeleton's.
    """
    if groups is None:
        return limb_groups(skeleton['num_keypoints'], skeleton['skeleton_links'])
    ids = skeleton['keypoint_name2id']
    unknown = sorted({k for group in groups for k in group if isinstance(k, str)} - set(ids))
    if unknown:
        raise InputError(
            f'keypoint groups name {", ".join(unknown)}, but the keypoints of '
            f'{skeleton["dataset_name"]} are {", ".join(ids)}'
        )
    return [tuple(ids.get(k, k) for k in group) for group in groups]


def limb_groups(num_keypoints: int, limbs: Sequence[tuple[int, int]]) -> list[tuple]:
    """Group keypoints that move together, as seen from the limbs that join them.

    The outer two keypoints of each limb that ends freely are a group (wrist and elbow, ankle and
    knee). The keypoint that it hangs on (shoulder, hip) is a group of its own, and so is one
    between two of these (a neck). What is still joined after that is a group (the head). For
    COCO's skeleton these are the nine groups of the paper.

    Returns:
        Keypoint indices of each group, ordered by the first.
    """
    near: dict[int, set[int]] = {k: set() for k in range(num_keypoints)}
    for a, b in ((a, b) for a, b in limbs if a != b):
        near[a].add(b)
        near[b].add(a)

    groups: list[list[int]] = []
    done: set[int] = set()
    roots: set[int] = set()
    for tip in (k for k in near if len(near[k]) == 1):
        chain, root = [tip], next(iter(near[tip]))
        while len(near[root]) == 2 and len(chain) < LIMB_LENGTH:
            chain.append(root)
            root = next(k for k in near[root] if k not in chain)
        if not done.intersection(chain):
            groups.append(chain)
            done.update(chain)
            roots.add(root)
    trunk = {k for k in near if k in roots or len(near[k] & roots) > 1} - done
    groups += [[k] for k in trunk]
    done |= trunk
    while rest := set(near) - done:
        group, reached = set(), {min(rest)}
        while reached:
            group |= reached
            reached = {n for k in reached for n in near[k]} - group - done
        groups.append(list(group))
        done |= group
    return sorted(tuple(sorted(group)) for group in groups)
