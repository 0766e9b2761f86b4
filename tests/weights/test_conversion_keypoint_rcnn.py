"""tools/convert.py for the Keypoint R-CNNs of detectron2 and of torchvision."""

import json
import os
import pickle
import re

import numpy as np
import pytest
import torch
from directpose.utils.errors import InputError
from directpose.weights.checkpoint import check_checkpoint, read_checkpoint
from directpose.weights.conversion import from_detectron2
from helpers.commands import ROOT, load_tool
from mmengine.config import Config
from mmpose.registry import MODELS
from torchvision.models import resnext101_32x8d
from torchvision.models.detection import keypointrcnn_resnet50_fpn

CONFIGS = ROOT / 'configs/keypoint_rcnn'


def model_of(name):
    config = Config.fromfile(CONFIGS / f'{name}.py').model
    config.backbone.init_cfg = None
    return MODELS.build(config)


def zeros(shapes):
    return {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}


@pytest.fixture(scope='module')
def refined(shared):
    """Arrays of the refined model, under detectron2's names."""
    path = shared / 'golden/detectron2_keypoint_rcnn_gcm_state_dict.json'
    return zeros(json.loads(path.read_text())) | {'pixel_mean': np.zeros((3, 1, 1))}


@pytest.fixture(scope='module')
def plain(refined):
    """The same of a plain model of the zoo."""
    weights = {n: w for n, w in refined.items() if not re.search(r'MHSA|conv_channel', n)}
    weights['roi_heads.keypoint_head.conv_fcn1.weight'] = np.zeros((512, 256, 3, 3), np.float32)
    anchors = {f'proposal_generator.anchor_generator.cell_anchors.{i}': np.zeros(3) for i in (0, 1)}
    return weights | anchors


def convert(*args):
    load_tool('convert').main([str(a) for a in args])


@pytest.mark.parametrize(
    ('which', 'config'),
    [
        ('plain', 'keypoint-rcnn_r50_fpn_detectron2_coco-800x1333'),
        ('refined', 'keypoint-rcnn_r50_fpn_gcm_detectron2_coco-800x1333'),
    ],
)
@pytest.mark.parametrize('suffix', ['.pkl', '.pth'])
def test_detectron2(which, config, suffix, request, tmp_path, capsys):
    """A pickle of arrays, as the zoo has it, or a file of torch; the config is found by itself."""
    weights = request.getfixturevalue(which)
    src, dst = tmp_path / f'src{suffix}', tmp_path / 'dst.pth'
    if suffix == '.pkl':
        src.write_bytes(pickle.dumps(dict(model=weights, __author__='zoo'), protocol=2))
    else:
        tensors = {n: torch.from_numpy(w) for n, w in weights.items()}
        torch.save(dict(model=tensors, iteration=3), src)
    convert('detectron2', src, dst)
    check_checkpoint(str(dst), model_of(config))
    assert 'roi_head.keypoint_head' in capsys.readouterr().out


def deeper(weights):
    """Weights of a backbone of 101 layers: 23 blocks in the fourth stage in place of 6."""
    block = {n: w for n, w in weights.items() if '.res4.5.' in n}
    more = {n.replace('.res4.5.', f'.res4.{k}.'): w for k in range(6, 23) for n, w in block.items()}
    return weights | more


BLOCK = r'backbone\.bottom_up\.(stem|res(\d)\.(\d+))\.(.*)'


def from_resnext(weights, backbone):
    """Weights of detectron2 whose backbone is torchvision's, under detectron2's names."""
    theirs = backbone.state_dict()
    result = {n: w for n, w in weights.items() if 'bottom_up' not in n}
    for name in deeper(weights):
        if not (match := re.match(BLOCK, name)):
            continue
        where, stage, block, rest = match.groups()
        rest = rest.replace('shortcut.norm.', 'downsample.1.').replace('shortcut.', 'downsample.0.')
        rest = re.sub(r'conv(\d)\.norm\.', r'bn\1.', rest)
        place = '' if where == 'stem' else f'layer{int(stage) - 1}.{block}.'
        result[name] = theirs[place + rest].numpy()
    return result


@pytest.mark.parametrize('which', ['plain', 'refined'])
def test_detectron2_with_101_layers(which, request, tmp_path):
    weights = deeper(request.getfixturevalue(which))
    src, dst = tmp_path / 'src.pkl', tmp_path / 'dst.pth'
    src.write_bytes(pickle.dumps(dict(model=weights), protocol=2))
    convert('detectron2', src, dst)
    gcm = '_gcm' if which == 'refined' else ''
    model = model_of(f'keypoint-rcnn_r101_fpn{gcm}_detectron2_coco-800x1333')
    check_checkpoint(str(dst), model)


@pytest.mark.slow
@torch.no_grad()
def test_detectron2_with_resnext(plain, tmp_path):
    """Features of the converted backbone are those of torchvision's with the same weights."""
    torch.manual_seed(0)
    theirs = resnext101_32x8d().eval()
    for norm in (m for m in theirs.modules() if isinstance(m, torch.nn.BatchNorm2d)):
        norm.weight.uniform_(0.2, 0.5)
        norm.running_mean.normal_(std=0.1)
    src, dst = tmp_path / 'src.pkl', tmp_path / 'dst.pth'
    src.write_bytes(pickle.dumps(dict(model=from_resnext(plain, theirs)), protocol=2))
    convert('detectron2', src, dst)
    model = model_of('keypoint-rcnn_x101_fpn_detectron2_coco-800x1333').eval()
    check_checkpoint(str(dst), model)
    model.load_state_dict(read_checkpoint(str(dst))[0], strict=False)
    images = torch.randn(1, 3, 64, 96)
    maps = theirs.maxpool(theirs.relu(theirs.bn1(theirs.conv1(images))))
    for layer, found in zip(
        (theirs.layer1, theirs.layer2, theirs.layer3, theirs.layer4),
        model.backbone(images),
        strict=True,
    ):
        maps = layer(maps)
        torch.testing.assert_close(found, maps, atol=1e-4, rtol=1e-4)


class Hostile:
    def __reduce__(self):
        return os.system, ('touch hacked',)


@pytest.mark.parametrize('protocol', [0, 2, 4])
def test_code_in_a_pickle_is_not_run(protocol, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for number, content in enumerate((Hostile(), dict(model=dict(a=Hostile())))):
        src = tmp_path / f'{number}.pkl'
        src.write_bytes(pickle.dumps(content, protocol=protocol))
        with pytest.raises(SystemExit, match=r'is not a checkpoint of plain weights'):
            convert('detectron2', src, tmp_path / 'dst.pth')
    objects = np.array([Hostile()], dtype=object)
    (tmp_path / 'o.pkl').write_bytes(pickle.dumps(dict(model=dict(a=objects)), protocol=protocol))
    with pytest.raises(InputError, match='is not a checkpoint of plain weights'):
        read_checkpoint(str(tmp_path / 'o.pkl'))
    assert not (tmp_path / 'hacked').exists() and not (tmp_path / 'dst.pth').exists()


def test_what_does_not_fit_is_listed(refined, tmp_path):
    wrong = dict(refined)
    wrong['roi_heads.keypoint_head.MHSA_1.MHSA.pos_emb.rel_height'] = np.zeros((55, 128))
    del wrong['roi_heads.box_head.fc1.bias']
    src = tmp_path / 'src.pkl'
    src.write_bytes(pickle.dumps(dict(model=wrong)))
    with pytest.raises(SystemExit) as error:
        convert('detectron2', src, tmp_path / 'dst.pth')
    message = str(error.value)
    # of another grid: 28 x 28
    assert 'contexts.0.attention.rel_height is (55, 128), in the model (27, 128)' in message
    assert 'roi_head.bbox_head.shared_fcs.0.bias is missing' in message
    assert not (tmp_path / 'dst.pth').exists()


def test_fifth_module_is_the_second(refined):
    names = {n for n in from_detectron2(refined) if '.contexts.' in n}
    assert {n.split('.')[3] for n in names} == {'0', '1'}


@pytest.mark.parametrize('legacy', [False, True])
def test_torchvision(legacy, tmp_path, capsys):
    weights = keypointrcnn_resnet50_fpn(weights=None, weights_backbone=None).state_dict()
    if legacy:  # names before torchvision 0.13, which its published file has
        weights = {
            re.sub(r'(inner_blocks|layer_blocks)\.(\d)\.0\.', r'\1.\2.', n).replace(
                'rpn.head.conv.0.0.', 'rpn.head.conv.'
            ): w
            for n, w in weights.items()
        }
    src, dst = tmp_path / 'src.pth', tmp_path / 'dst.pth'
    torch.save(weights, src)
    convert('torchvision', src, dst)
    check_checkpoint(str(dst), model_of('keypoint-rcnn_r50_fpn_torchvision_coco-800x1333'))
    ours = read_checkpoint(str(dst))[0]
    theirs = weights['roi_heads.box_predictor.cls_score.bias']
    assert torch.equal(ours['roi_head.bbox_head.fc_cls.bias'], theirs[[1, 0]])
