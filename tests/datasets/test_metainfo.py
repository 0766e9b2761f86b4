"""Skeletons and keypoint groups."""

import pytest
from directpose.datasets.metainfo import limb_groups, parse_metainfo, resolve_groups, sigmas_of
from directpose.models import DirectPose
from directpose.utils.errors import InputError
from mmengine.config import Config


def metainfo(names=('tip', 'left', 'right', 'middle', 'end'), limbs=(), swaps=None, **changes):
    swaps = swaps or {}
    info = dict(
        dataset_name='kite',
        keypoint_info={k: dict(name=n, swap=swaps.get(n, '')) for k, n in enumerate(names)},
        skeleton_info={k: dict(link=limb) for k, limb in enumerate(limbs)},
        joint_weights=[1.0] * len(names),
        sigmas=[0.05] * len(names),
    )
    return {k: v for k, v in (info | changes).items() if v is not None}


def names_of(groups, skeleton):
    names = skeleton['keypoint_id2name']
    return [[names[k] for k in group] for group in groups]


def test_limbs_of_coco_give_the_groups_of_the_paper(root):
    skeleton = parse_metainfo(dict(from_file='configs/_base_/datasets/coco.py'))
    config = Config.fromfile(root / 'configs/_base_/models/directpose_r50_fpn.py')
    of_paper = resolve_groups(config.keypoint_groups, skeleton)
    assert of_paper == [
        (0, 1, 2, 3, 4),
        (5,),
        (7, 9),
        (6,),
        (8, 10),
        (11,),
        (13, 15),
        (12,),
        (14, 16),
    ]
    assert sorted(of_paper) == resolve_groups(None, skeleton)


def test_limbs_of_animals():
    skeleton = parse_metainfo(dict(from_file='configs/_base_/datasets/ap10k.py'))
    groups = names_of(resolve_groups(None, skeleton), skeleton)
    assert groups[:5] == [
        ['L_Eye', 'R_Eye', 'Nose'],
        ['Neck'],
        ['Root of tail'],
        ['L_Shoulder'],
        ['L_Elbow', 'L_F_Paw'],
    ]


@pytest.mark.parametrize(
    ('count', 'limbs', 'groups'),
    [
        (3, [], [(0,), (1,), (2,)]),  # nothing is joined
        (2, [(0, 1)], [(0,), (1,)]),
        (2, [(0, 1), (1, 1)], [(0,), (1,)]),  # a limb from a keypoint to itself
        (4, [(0, 1), (1, 2), (2, 3), (3, 0)], [(0, 1, 2, 3)]),  # a ring
        (5, [(0, 1), (1, 2), (2, 3), (3, 4)], [(0, 1), (2,), (3, 4)]),  # a chain
        (4, [(0, 1), (0, 2), (0, 3)], [(0,), (1,), (2,), (3,)]),  # a star
        (6, [(k, k + 1) for k in range(5)], [(0, 1), (2,), (3,), (4, 5)]),
    ],
)
def test_limb_groups(count, limbs, groups):
    found = limb_groups(count, limbs)
    assert found == groups
    assert sorted(k for group in found for k in group) == list(range(count))


@pytest.mark.parametrize('name', ['coco', 'crowdpose', 'posetrack18', 'ap10k', 'coco_wholebody'])
def test_each_keypoint_is_in_one_group(name):
    skeleton = parse_metainfo(dict(from_file=f'configs/_base_/datasets/{name}.py'))
    groups = resolve_groups(None, skeleton)
    listed = sorted(k for group in groups for k in group)
    assert listed == list(range(skeleton['num_keypoints']))


def test_groups_by_name():
    skeleton = parse_metainfo(metainfo())
    groups = [('tip', 'end'), ('left', 'right'), ('middle',)]
    assert resolve_groups(groups, skeleton) == [(0, 4), (1, 2), (3,)]
    with pytest.raises(InputError, match=r'name elbow, but the keypoints of kite are tip, left'):
        resolve_groups([('tip', 'elbow')], skeleton)


@pytest.mark.parametrize(
    ('info', 'words'),
    [
        (dict(from_file='no/such/file.py'), r'metainfo no/such/file\.py does not exist'),
        (metainfo(sigmas=None), 'needs dataset_name, keypoint_info'),
        (metainfo(limbs=[('tip', 'tail')]), "'tail' is not the name of a keypoint"),
        (metainfo(swaps=dict(left='rihgt')), "'rihgt' is not the name of a keypoint"),
        (metainfo(swaps=dict(left='right')), 'swaps left with a keypoint that is not swapped back'),
        (metainfo(joint_weights=[1.0]), '5 keypoints but 1 joint_weights'),
        (metainfo(names=('a', 'b', 'a')), 'each with a name of its own'),
        (metainfo(from_file='x.py'), 'from_file and other fields'),
    ],
)
def test_bad_metainfo(info, words):
    with pytest.raises(InputError, match=words):
        parse_metainfo(info)


def test_a_metainfo_file_with_a_typing_error(tmp_path):
    path = tmp_path / 'kite.py'
    path.write_text('dataset_info = dict(\n')
    with pytest.raises(
        InputError, match=r'metainfo .*kite\.py is no Python that mmengine can read'
    ):
        parse_metainfo(dict(from_file=str(path)))


def tiny(root, **changes):
    config = Config.fromfile(
        root / 'configs/directpose/directpose_tiny_1xb4-5e_synthetic-256x320.py'
    ).model
    config.pop('type')
    return {**config, **changes}


def test_a_model_of_an_inline_skeleton(root):
    head = {**tiny(root)['bbox_head'], 'kpt_predictor': dict(type='mmdet.KPAlign')}
    model = DirectPose(**tiny(root, metainfo=metainfo(), bbox_head=head))
    assert model.heatmap_head.predictor.out_channels == 5
    assert model.bbox_head.kpt_predictor.num_groups == 5


def test_a_number_of_keypoints_that_contradicts_the_metainfo(root):
    config = tiny(root)
    config['heatmap_head'].num_keypoints = 14
    with pytest.raises(InputError, match=r'heatmap_head\.num_keypoints is 14, but model\.metainfo'):
        DirectPose(**config)


def test_a_heatmap_branch_without_a_level(root):
    config = tiny(root)
    config['heatmap_head'].stride = 4
    with pytest.raises(InputError, match=r'stride is 4, but the levels have strides \[8, 16, 32\]'):
        DirectPose(**config)


@pytest.mark.parametrize(
    ('given', 'sigmas'),
    [([0.1, 0.2], [0.1, 0.2]), ([], [0.05] * 2), ([0.1], [0.05] * 2), ([0.1, 0], [0.05] * 2)],
)
def test_sigmas_that_are_missing_are_those_of_a_joint(given, sigmas):
    skeleton = parse_metainfo(metainfo(('tip', 'tail'), sigmas=given))
    assert sigmas_of(skeleton) == pytest.approx(sigmas)
