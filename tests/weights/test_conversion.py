"""tools/convert.py: the same numbers from converted weights, and a list where they do not fit."""

import json
import zlib

import mmdet
import numpy as np
import pytest
import torch
from directpose.models.directpose.sparse_maps import PyramidShape
from directpose.weights.conversion import from_fcos, from_gluoncv
from helpers.builders import build_head, people, sample_of
from helpers.commands import call
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmengine.registry import DefaultScope
from mmpose.apis import init_model
from mmpose.registry import MODELS

GLUONCV_CONFIG = 'configs/directpose/directpose_r50-blur_fpn_gluoncv_coco-800x1333.py'
GLUONCV_SHAPES = 'golden/gluoncv_directpose_resnet50_lpf_fpn_state_dict.json'
GLUONCV_OUTPUTS = 'golden/gluoncv_r50_lpf_full.npz'
FCOS = '.mim/configs/fcos/fcos_r50-caffe_fpn_gn-head_1x_coco.py'


def rule_weight(name, shape):
    """The weight that the golden numbers of the full model were made with."""
    generator = torch.Generator().manual_seed(zlib.crc32(f'f{name}'.encode()))
    noise = torch.randn(shape, generator=generator)
    if name.endswith(('filt', 'num_batches_tracked')) or name.startswith('pixel_'):
        return torch.zeros(shape)
    if name.endswith('running_var'):
        return 1 + 0.1 * torch.rand(shape, generator=generator)
    if name.endswith('cls_logits.bias'):
        return torch.full(shape, -2.0)
    if len(shape) == 4:
        return noise * (2 / np.prod(shape[1:])) ** 0.5
    if name.endswith('weight'):
        return (1 + 0.1 * noise) * (0.2 if name.endswith('bn3.weight') else 1)
    return 0.1 * noise


@pytest.fixture(scope='module')
def gluoncv_weights(shared):
    shapes = json.loads((shared / GLUONCV_SHAPES).read_text())
    return {name: rule_weight(name, shape) for name, shape in shapes.items()}


@pytest.fixture(scope='module')
def converted(root, gluoncv_weights, tmp_path_factory):
    folder = tmp_path_factory.mktemp('gluoncv')
    torch.save(gluoncv_weights, folder / 'src.pth')
    result = call('convert', 'gluoncv', folder / 'src.pth', folder / 'dst.pth')
    assert result.returncode == 0, result.stderr
    assert '318 taken' in result.stdout
    return folder / 'dst.pth'


@torch.no_grad()
def test_gluoncv_golden(root, shared, converted):
    model = init_model(str(root / GLUONCV_CONFIG), str(converted), device='cpu')
    with np.load(shared / GLUONCV_OUTPUTS) as arrays:
        golden = {name: torch.from_numpy(arrays[name]) for name in arrays.files}
    image = torch.randint(0, 256, (3, 256, 320), generator=torch.Generator().manual_seed(5))
    sample = dict(img=image.permute(1, 2, 0).numpy()[..., ::-1].astype(np.uint8).copy())
    resize, pack = model.cfg.val_pipeline[1:]
    pipeline = Compose([resize | dict(short_side=256, long_side=320), pack])
    sample |= dict(img_shape=(256, 320), ori_shape=(256, 320), id=[0], img_id=0, img_path='')
    packed = pseudo_collate([pipeline(sample)])

    def close(actual, expected):
        assert (actual - expected).abs().max() <= 1e-3 * expected.std()

    feats = model.extract_feat(model.data_preprocessor(packed)['inputs'])
    outs = model.bbox_head(feats)
    seen = []
    for level in range(5):
        close(feats[level][:, ::16], golden[f'p{level + 3}'])
        close(outs['cls_scores'][level], golden[f'cls_{level}'])
        close(outs['centernesses'][level], golden[f'ctr_{level}'])
        seen.append(golden[f'kpt_{level}'].flatten(2))
    offsets, visible = model.bbox_head.kpt_predictor(outs['kpt_tables'], everywhere(feats))
    expected = torch.cat(seen, 2).transpose(1, 2).reshape(-1, 17, 3)
    close(torch.cat([offsets, visible], -1), expected)

    found = model.test_step(packed)[0].pred_instances
    np.testing.assert_allclose(found.bbox_scores, golden['det_scores'], atol=1e-4)
    np.testing.assert_allclose(found.bboxes, golden['det_boxes'] - 0.5, atol=0.05)
    np.testing.assert_allclose(found.keypoints, golden['det_kpts'][..., :2] - 0.5, atol=0.05)
    np.testing.assert_allclose(found.keypoint_scores, golden['det_kpts'][..., 2], atol=1e-4)


def everywhere(feats):
    points = torch.arange(sum(x[0, 0].numel() for x in feats))
    return PyramidShape.of(feats).locations(torch.zeros_like(points), points)


def test_the_mapping_works_for_any_width_and_groups():
    groups = ((0, 1), (2,), (3, 4))
    ours = build_head(channels=32, group_channels=4, groups=groups, num_keypoints=5).state_dict()
    back = {}
    for name, weight in ours.items():
        name = name.replace('conv_cls', 'cls_logits').replace('conv_centerness', 'ctrness')
        name = name.replace('kpt_predictor.', '').replace('predictors.', 'predictor.')
        parts = name.split('.')
        if parts[0].endswith('_tower'):
            index = 3 * int(parts[1]) + (parts[2] == 'gn')
            name = f'{parts[0]}.{index}.{parts[3]}'
        elif parts[0] == 'predictor':
            name = f'predictor.{parts[1]}.kpt_predictor.{parts[2]}'
            weight = weight[..., None, None] if parts[2] == 'weight' else weight
        name = name.replace('sampler.conv', 'sampler.0').replace('sampler.gn', 'sampler.1')
        back[f'proposal_generator.directpose_head.{name}'] = weight
    converted = from_gluoncv(back)
    assert converted.keys() == {f'bbox_head.{name}' for name in ours}
    assert all(torch.equal(converted[f'bbox_head.{name}'], w) for name, w in ours.items())


def test_all_that_does_not_fit_is_listed(root, gluoncv_weights, tmp_path):
    weights = dict(gluoncv_weights)
    head = 'proposal_generator.directpose_head.'
    del weights[f'{head}ctrness.bias']
    weights[f'{head}locator.bias'] = torch.zeros(5)
    weights['surplus.weight'] = torch.zeros(1)
    torch.save(weights, tmp_path / 'src.pth')
    result = call('convert', 'gluoncv', tmp_path / 'src.pth', tmp_path / 'dst.pth')
    assert result.returncode == 1
    assert '3 weights of' in result.stderr
    for line in (
        'bbox_head.conv_centerness.bias is missing',
        'bbox_head.kpt_predictor.locator.bias is (5,), in the model (18,)',
        'surplus.weight is not in the model',
    ):
        assert line in result.stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == ['src.pth']


def test_what_is_no_checkpoint_is_refused(root, tmp_path):
    (tmp_path / 'src.pth').write_bytes(b'no checkpoint')
    result = call('convert', 'fcos', tmp_path / 'src.pth', tmp_path / 'dst.pth')
    assert result.returncode == 1 and 'not a checkpoint of plain weights' in result.stderr
    result = call('convert', 'fcos', tmp_path / 'nowhere.pth', tmp_path / 'dst.pth')
    assert result.returncode == 1 and 'cannot read the checkpoint' in result.stderr
    assert not (tmp_path / 'dst.pth').exists()


@pytest.fixture(scope='module')
def fcos():
    """mmdet's FCOS for 80 classes, with random weights, and the text of its config."""
    config = Config.fromfile(f'{mmdet.__path__[0]}/{FCOS}')
    config.model.backbone.init_cfg = None
    with DefaultScope.overwrite_default_scope('mmdet'):
        torch.manual_seed(3)
        model = MODELS.build({**config.model, 'type': 'mmdet.FCOS'}).eval()
    return model, config.pretty_text


def save(path, fcos, text):
    torch.save(dict(state_dict=fcos.state_dict(), meta=dict(cfg=text)), path)


@torch.no_grad()
def test_fcos_gives_the_same_scores(root, fcos, tmp_path):
    model, text = fcos
    save(tmp_path / 'fcos.pth', model, text)
    result = call('convert', 'fcos', tmp_path / 'fcos.pth', tmp_path / 'dst.pth')
    assert result.returncode == 0, result.stderr
    for part in ('kpt_tower', 'kpt_predictor', 'heatmap_head'):
        line = next(line for line in result.stdout.splitlines() if part in line)
        assert line.endswith('starts fresh')
    config = 'configs/directpose/directpose_r50-caffe_fpn_8xb4-100e_coco-800x1333.py'
    ours = init_model(str(root / config), str(tmp_path / 'dst.pth'), device='cpu')

    images = [torch.randint(0, 256, (3, 96, 128), dtype=torch.uint8)]
    labels = [sample_of(people(), img_shape=(96, 128))]
    inputs = ours.data_preprocessor(dict(inputs=images, data_samples=labels))['inputs']
    torch.testing.assert_close(
        inputs, model.data_preprocessor(dict(inputs=images, data_samples=labels))['inputs']
    )
    outs = ours.bbox_head(ours.extract_feat(inputs))
    scores, _, centernesses = model.bbox_head(model.extract_feat(inputs))
    for level in range(5):
        torch.testing.assert_close(outs['cls_scores'][level], scores[level][:, :1])
        torch.testing.assert_close(outs['centernesses'][level], centernesses[level])


def test_fcos_for_a_head_without_centerness(root, fcos, tmp_path):
    model, text = fcos
    save(tmp_path / 'fcos.pth', model, text.replace("style='caffe'", "style='pytorch'"))
    folder = root / 'configs/directpose_v2'
    config = folder / 'directposev2_r50_fpn_8xb4-100e_coco-800x1333.py'
    arguments = ('fcos', tmp_path / 'fcos.pth', tmp_path / 'dst.pth', '--config')
    result = call('convert', *arguments, config)
    assert result.returncode == 0, result.stderr
    taken = torch.load(tmp_path / 'dst.pth', weights_only=True)['state_dict']
    assert 'bbox_head.cls_tower.3.gn.weight' in taken and 'bbox_head.conv_cls.weight' in taken
    assert not [name for name in taken if 'centerness' in name]
    result = call('convert', *arguments, folder / 'directposev2-s_8xb32-300e_coco-640x640.py')
    assert result.returncode == 1 and "of style 'pytorch'" in result.stderr


def test_fcos_parts_that_are_of_no_use(root, fcos, tmp_path):
    model, text = fcos
    save(tmp_path / 'fcos.pth', model, text.replace('num_classes=80', 'centerness_on_reg=True'))
    config = tmp_path / 'boxes.py'
    base = root / 'configs/directpose/directpose_r50-caffe_fpn_8xb4-100e_coco-800x1333.py'
    config.write_text(
        f"_base_ = '{base}'\nmodel = dict(bbox_head=dict(loss_bbox=dict(type='mmdet.GIoULoss')))\n"
    )
    arguments = ('fcos', tmp_path / 'fcos.pth', tmp_path / 'dst.pth', '--config', config)
    result = call('convert', *arguments)
    assert result.returncode == 0, result.stderr
    taken = torch.load(tmp_path / 'dst.pth', weights_only=True)['state_dict']
    assert 'bbox_head.bbox_tower.3.gn.weight' in taken
    assert not [n for n in taken if 'conv_centerness' in n or 'conv_bbox' in n]

    # distances in strides fit, but for the scale of each level
    scaled = {n: w * 3 if '.scales.' in n else w for n, w in model.state_dict().items()}
    text_in_strides = text.replace('num_classes=80', 'norm_on_bbox=True')
    checkpoint = dict(state_dict=scaled, meta=dict(cfg=text_in_strides))
    torch.save(checkpoint, tmp_path / 'fcos.pth')
    assert call('convert', *arguments).returncode == 0
    taken = torch.load(tmp_path / 'dst.pth', weights_only=True)['state_dict']
    expected = 3 * model.bbox_head.conv_reg.weight
    torch.testing.assert_close(taken['bbox_head.conv_bbox.weight'], expected)
    assert 'bbox_head.conv_centerness.weight' in taken

    save(tmp_path / 'fcos.pth', model, text.replace("style='caffe'", "style='pytorch'"))
    result = call('convert', *arguments)
    assert result.returncode == 1 and "of style 'pytorch'" in result.stderr


def test_one_scale_for_the_boxes_of_all_levels():
    """The mean of FCOS's, as this head has none."""
    weights = {f'bbox_head.scales.{n}.scale': torch.tensor(1.0 + n) for n in range(3)}
    weights['bbox_head.conv_reg.weight'] = torch.ones(4, 1, 3, 3)
    assert (from_fcos(weights, True, True)['bbox_head.conv_bbox.weight'] == 2).all()
