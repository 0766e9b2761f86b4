"""The skeleton of a COCO keypoint JSON, where no metainfo file tells more."""

import colorsys
import re

from ..utils.errors import InputError
from .metainfo import USUAL_SIGMA, parse_metainfo

COCO = dict(from_file='configs/_base_/datasets/coco.py')
SIDES = {'left': 'right', 'right': 'left', 'l': 'r', 'r': 'l'}


def skeleton_of(coco: dict, path: str) -> dict:
    """The parsed metainfo of an annotation file: COCO's, or what its categories tell.

    Args:
        coco: content of the file, with ``categories``.
        path: of the file, for messages.

    Raises:
        InputError: no category names its keypoints, and there are not COCO's 17 of them; or these
            are no texts, or its limbs are not pairs of them.
    """
    known = parse_metainfo(COCO)
    category: dict = next((c for c in coco['categories'] if c.get('keypoints')), {})
    poses = [a['keypoints'] for a in coco['annotations'] if isinstance(a.get('keypoints'), list)]
    counts = {len(pose) // 3 for pose in poses if pose}
    names = category.get('keypoints') or (list(known['keypoint_name2id']) if counts == {17} else [])
    if not names:
        raise InputError(
            f'{path}: no category names its keypoints; give --metainfo with the skeleton'
        )
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise InputError(
            f'{path}: the keypoints of its category are {str(names)[:60]}, no list of names; give '
            '--metainfo with the skeleton'
        )
    if names == list(known['keypoint_name2id']):
        return known
    for limb in category.get('skeleton') or []:
        whole = isinstance(limb, list) and all(isinstance(end, int) for end in limb)
        if not whole or len(limb) != 2 or not all(1 <= end <= len(names) for end in limb):
            raise InputError(
                f'{path}: the skeleton of its category has a limb {limb}; give pairs of numbers '
                f'from 1 to {len(names)}, or --metainfo'
            )
    return parse_metainfo(metainfo_of(category, names))


def metainfo_of(category: dict, names: list[str]) -> dict:
    """mmpose's metainfo of a category of a COCO keypoint JSON, all of whose sigmas are 0.05.

    Keypoints are swapped with that whose name has the other side: ``left_eye``, ``eye.L``,
    ``LEye``.

    Args:
        category: with ``skeleton``, pairs of keypoints from 1 on, or without limbs.
        names: of the keypoints, all different.
    """
    colors = [colorsys.hsv_to_rgb(k / len(names), 0.8, 1.0) for k in range(len(names))]
    rgb = [[round(255 * value) for value in color] for color in colors]
    limbs = category.get('skeleton') or []
    return dict(
        dataset_name=category.get('name', 'own'),
        keypoint_info={
            k: dict(name=name, id=k, color=rgb[k], type='', swap=other_side(name, names))
            for k, name in enumerate(names)
        },
        skeleton_info={
            n: dict(link=(names[a - 1], names[b - 1]), id=n, color=rgb[a - 1])
            for n, (a, b) in enumerate(limbs)
        },
        joint_weights=[1.0] * len(names),
        sigmas=[USUAL_SIGMA] * len(names),
    )


def other_side(name: str, names: list[str]) -> str:
    """The keypoint of the other side, by its name; empty where there is none."""
    words = re.findall(r'[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[^A-Za-z]+', name)
    for number, word in enumerate(words):
        other = SIDES.get(word.lower())
        if other:
            for spelled in (other, other.title(), other.upper()):
                swapped = ''.join([*words[:number], spelled, *words[number + 1 :]])
                if swapped in names:
                    return swapped
    return ''
