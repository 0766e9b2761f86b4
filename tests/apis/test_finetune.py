"""Weights for another skeleton: the keypoints that both have are predicted as before."""

import re

import pytest
import torch
from directpose.apis.finetune import (
    PREDICTOR,
    Skeleton,
    for_finetuning,
    keypoints_in_place,
    map_groups,
    predictor_rows,
)
from directpose.utils.errors import InputError
from directpose.weights.converters import model_weights
from helpers.builders import random_feats
from helpers.commands import CONFIG, ROOT, call, data_options
from mmengine.config import Config
from mmpose.registry import MODELS

KEYPOINT_RCNN = 'configs/keypoint_rcnn/keypoint-rcnn_tiny-gcm_1xb4-5e_synthetic-256x320.py'
NAMES = ['tip', 'nose', 'left_hip', 'tail', 'right_ankle']
PAIRS = dict(tip='left_wrist')
OLD = dict(tip=9, nose=0, left_hip=11, right_ankle=16)  # in COCO
GROUPS = [['nose'], ['tip'], ['left_hip', 'tail'], ['right_ankle']]
METAINFO = dict(
    _delete_=True,
    dataset_name='five',
    keypoint_info={
        k: dict(name=name, id=k, color=[0, 0, 0], type='', swap='') for k, name in enumerate(NAMES)
    },
    skeleton_info={},
    joint_weights=[1.0] * 5,
    sigmas=[0.05] * 5,
)


def trained_model(config=CONFIG, **head):
    """A config of COCO's keypoints, and a model with weights of any values."""
    cfg = Config.fromfile(ROOT / config)
    if head:
        cfg.model.bbox_head.update(head)
    torch.manual_seed(1)
    model = MODELS.build(cfg.model)
    for name, weight in model.named_parameters():
        if 'norm' not in name and '.gn.' not in name:
            torch.nn.init.normal_(weight, std=0.1)
    return cfg, model.eval()


def five(config=CONFIG, **head):
    """The config of the same model for five keypoints."""
    cfg = Config.fromfile(ROOT / config)
    cfg.model.metainfo = {k: v for k, v in METAINFO.items() if k != '_delete_'}
    if 'bbox_head' in cfg.model:
        cfg.model.bbox_head.kpt_predictor.groups = GROUPS
        cfg.model.bbox_head.update(head)
    return cfg


def finetuned(source_cfg, source, target_cfg, pairs=PAIRS):
    """The new model with the weights, their names, and the report."""
    weights, report = for_finetuning(source.state_dict(), source_cfg, target_cfg, pairs)
    model = MODELS.build(target_cfg.model).eval()
    missing, unknown = model.load_state_dict(weights, strict=False)
    assert not unknown
    return model, set(missing), report


def offsets_everywhere(head, feats):
    tables = head(feats)['kpt_tables']
    count = sum(feat[0, 0].numel() for feat in feats)
    points = torch.arange(count)
    return head.kpt_predictor(tables, tables[0].shape.locations(torch.zeros_like(points), points))


V2 = 'configs/directpose_v2/directposev2_tiny_1xb4-5e_synthetic-256x320.py'
WITHOUT = dict(loss_vis=None)


@pytest.mark.parametrize(
    ('config', 'before', 'after'),
    [
        (CONFIG, WITHOUT, WITHOUT),
        (CONFIG, {}, WITHOUT),
        (CONFIG, WITHOUT, {}),
        (CONFIG, dict(centerness_on_kpt=True), dict(centerness_on_kpt=True)),
        (V2, {}, {}),
        (V2, WITHOUT, {}),
    ],
    ids=[
        *('plain', 'without visibility', 'with visibility', 'centerness'),
        *('v2', 'v2 with visibility'),
    ],
)
@torch.no_grad()
def test_directpose(config, before, after):
    source_cfg, source = trained_model(config, **before)
    model, missing, report = finetuned(source_cfg, source, five(config, **after))
    assert not {name for name in missing if 'num_batches' not in name}
    feats = random_feats(1, 64, sizes=((8, 12), (4, 6), (2, 3), (1, 2)))
    ours, theirs = (offsets_everywhere(m.bbox_head, feats)[0] for m in (model, source))
    for name, old in OLD.items():
        torch.testing.assert_close(ours[:, NAMES.index(name)], theirs[:, old])
    assert not torch.allclose(ours[:, NAMES.index('tail')], theirs[:, 11])
    heat, their_heat = (m.heatmap_head(feats[0]) for m in (model, source))
    torch.testing.assert_close(heat[:, 0], their_heat[:, 9])
    lines = [line.split() for line in report.splitlines()]
    assert ['tip', 'left_wrist'] in lines and ['tail', 'new'] in lines
    assert 'left_hip, tail' in report


@torch.no_grad()
def test_keypoint_rcnn():
    source_cfg, source = trained_model(KEYPOINT_RCNN)
    model, missing, _ = finetuned(source_cfg, source, five(KEYPOINT_RCNN))
    assert not {name for name in missing if 'num_batches' not in name}
    feats = torch.randn(2, 64, 14, 14)
    ours, theirs = (m.roi_head.keypoint_head(feats) for m in (model, source))
    for name, old in OLD.items():
        torch.testing.assert_close(ours[:, NAMES.index(name)], theirs[:, old])


@pytest.mark.parametrize('config', [CONFIG, V2, KEYPOINT_RCNN])
def test_the_same_skeleton_is_the_same_model(config):
    cfg, source = trained_model(config)
    weights, report = for_finetuning(source.state_dict(), cfg, Config.fromfile(ROOT / config), {})
    assert weights.keys() == model_weights(cfg).keys() and 'new' not in report
    assert all(torch.equal(weights[name], source.state_dict()[name]) for name in weights)


def test_shared_features():
    shared = dict(
        kpt_predictor=dict(type='mmdet.SharedKPAlign', group_channels=64, groups=None),
    )
    source_cfg, source = trained_model(**shared)
    target = five(**shared)
    target.model.bbox_head.kpt_predictor.groups = GROUPS
    model, missing, _ = finetuned(source_cfg, source, target)
    assert not {name for name in missing if 'num_batches' not in name}
    feats = random_feats(1, 64, sizes=((8, 12), (4, 6), (2, 3), (1, 2)))
    with torch.no_grad():
        ours, theirs = (offsets_everywhere(m.bbox_head, feats)[0] for m in (model, source))
    torch.testing.assert_close(ours[:, 1], theirs[:, 0])


def test_what_does_not_fit_is_named():
    cfg, source = trained_model()
    weights = source.state_dict()
    with pytest.raises(InputError, match='is no keypoint of the trained model'):
        for_finetuning(weights, cfg, five(), dict(tip='left_wing'))
    with pytest.raises(InputError, match='is no keypoint of the new model'):
        for_finetuning(weights, cfg, five(), dict(tap='left_wrist'))
    with pytest.raises(InputError, match='same kind of model'):
        for_finetuning(weights, cfg, five(KEYPOINT_RCNN), {})
    two_stage = model_weights(Config.fromfile(KEYPOINT_RCNN))
    with pytest.raises(InputError, match=r'weights are not of .*give the config that they were'):
        for_finetuning(two_stage, cfg, five(), {})
    words = dict.fromkeys((CONFIG, V2), r'have no .*\.predictors\.4\.')
    for config, problem in (words | {KEYPOINT_RCNN: r'deconv\.bias has 5 outputs, not 17'}).items():
        own, coco = model_weights(five(config)), Config.fromfile(ROOT / config)
        with pytest.raises(InputError, match=f'weights are not of .*{problem}'):
            for_finetuning(own, coco, five(config), {})
    more = weights | {'bbox_head.kpt_predictor.predictors.0.weight': torch.zeros(7, 16)}
    with pytest.raises(InputError, match=r'predictors\.0\.weight has 7 outputs, not'):
        for_finetuning(more, cfg, five(), {})


def test_centerness_that_read_other_features_starts_fresh():
    cfg, source = trained_model(centerness_on_kpt=True)
    _, missing, _ = finetuned(cfg, source, five())
    assert 'bbox_head.conv_centerness.weight' in missing
    assert 'bbox_head.conv_centerness.bias' not in missing


def test_the_command_and_a_training(synthetic_set, tmp_path):
    _, source = trained_model()
    torch.save(dict(state_dict=source.state_dict()), tmp_path / 'coco.pth')
    own = tmp_path / 'own.py'
    own.write_text(
        f"_base_ = '{ROOT / CONFIG}'\nmetainfo = {METAINFO}\n"
        f'model = dict(metainfo=metainfo, bbox_head=dict(kpt_predictor=dict(groups={GROUPS})))\n'
    )
    out = tmp_path / 'start.pth'
    arguments = ['finetune', tmp_path / 'coco.pth', out, '--config', own, '--map']
    done = call('convert', *arguments, 'tip=left_wrist')
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith('keypoint             from\ntip                  left_wrist\n')
    assert f'load_from={out}' in done.stdout
    same = call('convert', 'finetune', out, out, '--config', own)
    assert same.returncode == 1 and 'give another name to write' in same.stderr
    kept = torch.load(out, weights_only=True)['state_dict']
    assert kept['heatmap_head.predictor.weight'].shape[0] == 5
    assert call('convert', *arguments, 'tip').returncode == 2

    options = [*data_options(synthetic_set), f'load_from={out}']
    done = call('train', ROOT / CONFIG, '--work-dir', tmp_path / 'w', '--cfg-options', *options)
    assert done.returncode == 1 and 'directpose convert finetune' in done.stderr, done.stderr


def test_a_frozen_backbone_stays_as_it_is(synthetic_set, tmp_path):
    _, source = trained_model()
    start = tmp_path / 'start.pth'
    torch.save(dict(state_dict=source.state_dict()), start)
    options = [*data_options(synthetic_set), f'load_from={start}']
    arguments = ['--work-dir', tmp_path / 'w', '--freeze', 'backbone', '--cfg-options', *options]
    done = call('train', ROOT / CONFIG, *arguments)
    assert done.returncode == 0, done.stderr
    trained = torch.load(tmp_path / 'w/epoch_1.pth', weights_only=True)['state_dict']
    changed = {
        name.split('.')[0]
        for name, weight in source.state_dict().items()
        if not torch.equal(trained[name], weight)
    }
    assert changed == {'neck', 'bbox_head', 'heatmap_head'}
    own = tmp_path / 'own.py'
    backbone = dict(_delete_=True, type='mmdet.PyramidVisionTransformer')
    own.write_text(f"_base_ = '{ROOT / CONFIG}'\nmodel = dict(backbone={backbone})")
    done = call('train', own, *arguments)
    assert done.returncode == 1 and "unexpected keyword argument 'frozen_stages'" in done.stderr


def test_a_group_of_keypoints_from_two_groups():
    """It takes the features of the one that most of them are from, and what was learnt on these."""
    source = Skeleton(['a', 'b', 'c'], [(0,), (1, 2)], True, False)
    target = Skeleton(['a', 'b', 'c'], [(1, 2, 0)], True, False)
    same = [0, 1, 2]
    groups = map_groups(source, target, same)
    assert groups == [1] and keypoints_in_place(source, target, same, groups) == [-1, 1, 2]
    name = 'bbox_head.kpt_predictor.predictors.{}.bias'
    trained, match = {name.format(1): torch.arange(4.0)}, re.match(PREDICTOR, name.format(0))
    rows = predictor_rows(match, trained, source, target, same, groups)
    assert {k: row.tolist() for k, row in rows.items()} == {0: [0, 1], 1: [2, 3]}
