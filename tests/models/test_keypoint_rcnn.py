"""Keypoint R-CNN and its refinement, against numbers computed elsewhere and torchvision."""

import json
import zlib
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import numpy as np
import pytest
import torch
from directpose.deploy.fast_form import optimize_for_inference
from directpose.models import ContextKeypointHead, GlobalContextModule, KeypointHead
from directpose.models.keypoint_rcnn.detector import check_operators
from directpose.models.keypoint_rcnn.float32 import ZeroPaddedRoIExtractor
from directpose.models.keypoint_rcnn.heatmap_coder import (
    decode_heatmaps,
    enlarge,
    keypoint_cells,
    keypoint_confidences,
    keypoint_loss,
)
from directpose.utils.errors import InputError
from directpose.utils.similarity import areas_in_boxes
from directpose.weights.conversion import from_detectron2, from_torchvision
from helpers.builders import people, sample_of
from mmdet.registry import TASK_UTILS
from mmengine.config import Config
from mmengine.structures import InstanceData
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample
from torch import nn
from torchvision.models.detection import keypointrcnn_resnet50_fpn
from torchvision.models.detection.roi_heads import keypointrcnn_loss, keypoints_to_heatmap

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / 'tests/data'
REFINED = 'keypoint-rcnn_r50_fpn_gcm_detectron2_coco-800x1333'
SHAPES = 'golden/detectron2_keypoint_rcnn_gcm_state_dict.json'


def load(name):
    config = Config.fromfile(ROOT / f'configs/keypoint_rcnn/{name}.py')
    config.model.backbone.init_cfg = None
    return config


def rule_weight(name, shape, salt):
    """The weight that the golden numbers were made with."""
    generator = torch.Generator().manual_seed(zlib.crc32(f'{salt}{name}'.encode()))
    noise = torch.randn(shape, generator=generator)
    if name.endswith('num_batches_tracked') or name.startswith('pixel_'):
        return torch.zeros(shape)
    if name.endswith('running_var'):
        return 1 + 0.1 * torch.rand(shape, generator=generator)
    if 'rel_' in name:
        return noise / 128**0.5
    if len(shape) == 4:
        gain = 2 if 'bottom_up' in name else 1
        weight = noise * (gain / np.prod(shape[1:])) ** 0.5
    elif len(shape) == 2:
        weight = noise / shape[1] ** 0.5
    elif name.endswith('weight'):
        weight = 1 + 0.1 * noise
    else:
        weight = 0.1 * noise
    for ending, factor in (('conv3.norm.weight', 0.2), ('stem.conv1.weight', 0.01)):
        weight = weight * (factor if name.endswith(ending) else 1)
    return weight * (0.3 if 'anchor_deltas' in name or 'bbox_pred' in name else 1)


def load_weights(module, weights):
    result = module.load_state_dict(weights, strict=False)
    assert not result.unexpected_keys
    assert all('num_batches_tracked' in n for n in result.missing_keys), result.missing_keys
    return module.eval()


# ------------------------------------------------------------------ the head alone, golden


@pytest.fixture(scope='module')
def golden():
    return {
        name: torch.from_numpy(a) for name, a in np.load(DATA / 'gcm_keypoint_head.npz').items()
    }


@pytest.fixture(scope='module')
def golden_head():
    shapes = json.loads((DATA / 'gcm_keypoint_head_state_dict.json').read_text())
    prefix = 'roi_heads.keypoint_head.'
    weights = {f'{prefix}{n}': rule_weight(n, s, 'g') for n, s in shapes.items()}
    ours = from_detectron2(weights)
    ours = {n.removeprefix('roi_head.keypoint_head.'): w for n, w in ours.items()}
    return load_weights(ContextKeypointHead(num_keypoints=17), ours)


@torch.no_grad()
def test_context_and_heatmaps(golden, golden_head):
    feats = torch.randn(3, 256, 14, 14, generator=torch.Generator().manual_seed(11))
    entered = golden_head.entry(feats)
    torch.testing.assert_close(entered[:, :8], golden['gcm_in_first8'], atol=1e-4, rtol=0)
    seen = golden_head.contexts[0](entered)
    torch.testing.assert_close(seen[:, ::16], golden['gcm_out_every16'], atol=1e-4, rtol=0)
    torch.testing.assert_close(golden_head(feats), golden['heatmaps'], atol=1e-4, rtol=0)


def test_targets_loss_and_decoding(golden):
    keypoints, visible = golden['keypoints'].split((2, 1), -1)
    cells, valid = keypoint_cells(keypoints, visible[..., 0], golden['rois'], 56)
    assert torch.equal(valid, golden['valid'].bool()) and valid.any() and not valid.all()
    assert torch.equal(cells[valid], golden['target_cells'][valid])
    loss = keypoint_loss(golden['heatmaps'], cells, valid, valid.sum())
    assert loss.item() == pytest.approx(golden['loss'].item(), rel=1e-5)
    found, logits = decode_heatmaps(golden['heatmaps'], golden['rois'])
    torch.testing.assert_close(found, golden['decoded'][..., :2], atol=1e-2, rtol=0)
    torch.testing.assert_close(logits, golden['decoded'][..., 2], atol=1e-4, rtol=0)


# ------------------------------------------------------------------ the whole model, golden


@pytest.fixture(scope='module')
def refined(shared):
    shapes = json.loads((shared / SHAPES).read_text())
    weights = {name: rule_weight(name, shape, 'd') for name, shape in shapes.items()}
    model = MODELS.build(load(REFINED).model)
    return load_weights(model, from_detectron2(weights))


def metainfo(height, width):
    return sample_of(people(), (height, width)).metainfo


def nearest(boxes, expected):
    """Index among the boxes of each expected one, and how far it is."""
    distances = (expected[:, None] - boxes[None]).abs().amax(-1)
    return distances.argmin(1), distances.amin(1)


@torch.no_grad()
def test_the_model_of_the_authors(refined, shared):
    golden = np.load(shared / 'golden/keypoint_rcnn_gcm_full.npz')
    golden = {name: torch.from_numpy(array) for name, array in golden.items()}
    noise = torch.Generator().manual_seed(21)
    image = torch.randint(0, 256, (3, 256, 320), generator=noise).float()  # BGR
    sample = PoseDataSample(metainfo=metainfo(256, 320))
    data = refined.data_preprocessor(dict(inputs=[image], data_samples=[sample]))
    feats = refined.extract_feat(data['inputs'])
    for level, feat in enumerate(feats, 2):
        expected = golden[f'p{level}']
        difference = (feat[:, ::16] - expected).abs().max()
        assert difference < 1e-3 * expected.std(), level

    proposals = refined.rpn_head.predict(feats, data['data_samples'], rescale=False)
    assert len(proposals[0]) == len(golden['prop_boxes'])
    assert nearest(proposals[0].bboxes, golden['prop_boxes'])[1].max() < 0.05
    found = refined.roi_head.predict(feats, proposals, data['data_samples'])[0]
    inds, distances = nearest(found.bboxes, golden['boxes'])
    assert distances.max() < 0.05
    assert (found.bbox_scores[inds] - golden['scores']).abs().max() < 1e-4
    keypoints = golden['keypoints']
    apart = (found.keypoints[inds] - keypoints[..., :2]).abs().amax(-1)
    assert (apart < 0.05).float().mean() > 0.95

    # some of the given boxes are at the edges of the image
    given = InstanceData(bboxes=golden['given_boxes'], scores=torch.ones(5), labels=torch.zeros(5))
    people_there = refined.roi_head.predict_keypoints(feats, [sample.metainfo], [given])[0]
    apart = (people_there.keypoints - golden['given_keypoints'][..., :2]).abs().amax(-1)
    sides = (golden['given_boxes'][:, 2:] - golden['given_boxes'][:, :2]).amax(1, keepdim=True)
    assert (apart <= 1.3 * sides / 56).all() and (apart < 0.05).float().mean() >= 0.95


# ------------------------------------------------------------------ torchvision as the oracle


def calm_weights(model):
    """Random weights of which neither scores nor boxes run away."""
    generator = torch.Generator().manual_seed(0)
    for name, tensor in model.state_dict().items():
        noise = torch.randn(tensor.shape, generator=generator)
        if tensor.dim() == 4:
            noise = noise * (2 / np.prod(tensor.shape[1:])) ** 0.5
        elif tensor.dim() == 2:
            noise = noise * tensor.shape[1] ** -0.5
        elif name.endswith('running_var'):
            noise = 1 + 0.1 * noise.abs()
        else:
            noise = 0.1 * noise + name.endswith('weight')
        noise = noise * (0.2 if name.endswith('bn3.weight') else 1)
        noise = noise * (0.05 if 'cls_' in name or 'bbox_pred' in name else 1)
        tensor.copy_(noise)


@pytest.fixture(scope='module')
def oracle():
    """torchvision's model, whose published weights go with an epsilon of 0, and ours."""
    theirs = keypointrcnn_resnet50_fpn(weights=None, weights_backbone=None).eval()
    calm_weights(theirs)
    for module in theirs.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = 1e-12
    ours = MODELS.build(load('keypoint-rcnn_r50_fpn_torchvision_coco-800x1333').model)
    return theirs, load_weights(ours, from_torchvision(theirs.state_dict()))


@pytest.mark.parametrize('size', [(200, 150), pytest.param((160, 224), marks=pytest.mark.slow)])
@torch.no_grad()
def test_torchvision(oracle, size):
    """The same proposals, boxes, scores and keypoints for an image that is not resized."""
    theirs, ours = oracle
    theirs.transform.min_size, theirs.transform.max_size = (min(size),), 2000
    image = torch.randint(0, 256, (3, *size), generator=torch.Generator().manual_seed(1))
    expected = theirs([image / 255])[0]

    sample = PoseDataSample(metainfo=metainfo(*size))
    bgr = image.flip(0).float()
    data = ours.data_preprocessor(dict(inputs=[bgr], data_samples=[sample]))
    feats = ours.extract_feat(data['inputs'])
    proposals = ours.rpn_head.predict(feats, data['data_samples'], rescale=False)
    found = ours.roi_head.predict(feats, proposals, data['data_samples'])[0]
    assert len(found) == len(expected['boxes']) > 20
    inds, distances = nearest(found.bboxes, expected['boxes'])
    assert distances.max() < 1e-2
    assert (found.bbox_scores[inds] - expected['scores']).abs().max() < 1e-4
    apart = (found.keypoints[inds] - expected['keypoints'][..., :2]).abs().amax(-1)
    sides = (expected['boxes'][:, 2:] - expected['boxes'][:, :2]).amax(1, keepdim=True)
    assert (apart <= sides / 56 + 1).all() and (apart < 0.05).float().mean() > 0.95


def random_targets(count=12):
    torch.manual_seed(3)
    corners = torch.rand(count, 2) * 60
    rois = torch.cat((corners, corners + 20 + torch.rand(count, 2) * 80), 1)
    keypoints = rois[:, None, :2] + (torch.rand(count, 17, 2) * 1.3 - 0.15) * (
        rois[:, None, 2:] - rois[:, None, :2]
    )
    keypoints[0, 0], keypoints[1, 1] = rois[0, 2:], rois[1, :2]  # on the borders
    visible = torch.randint(0, 3, (count, 17))
    return rois, keypoints, visible


def test_targets_and_loss_of_torchvision():
    rois, keypoints, visible = random_targets()
    cells, valid = keypoint_cells(keypoints, visible, rois, 56)
    labelled = torch.cat((keypoints, visible[..., None]), -1)
    their_cells, their_valid = keypoints_to_heatmap(labelled, rois, 56)
    assert torch.equal(valid, their_valid.bool()) and torch.equal(cells, their_cells)

    heatmaps = torch.randn(12, 17, 56, 56, requires_grad=True)
    loss = keypoint_loss(heatmaps, cells, valid, valid.sum())
    theirs = keypointrcnn_loss(heatmaps, [rois], [labelled], [torch.arange(12)])
    assert loss.item() == pytest.approx(theirs.item(), rel=1e-5)
    ours, expected = (torch.autograd.grad(x, heatmaps)[0] for x in (loss, theirs))
    torch.testing.assert_close(ours, expected, atol=1e-7, rtol=1e-5)


# ------------------------------------------------------------------ parts


def test_no_valid_keypoint_gives_zero_with_gradients():
    heatmaps = torch.randn(2, 3, 8, 8, requires_grad=True)
    nothing = torch.zeros(2, 3, dtype=torch.long)
    loss = keypoint_loss(heatmaps, nothing, nothing.bool(), torch.tensor(1.0))
    loss.backward()
    assert loss == 0 and (heatmaps.grad == 0).all()


def test_encoding_and_decoding_are_inverse():
    """A peak in the cell of a keypoint comes back within half a cell."""
    rois, keypoints, visible = random_targets()
    cells, valid = keypoint_cells(keypoints, visible, rois, 56)
    heatmaps = torch.zeros(12, 17, 56 * 56).scatter_(2, cells[..., None], 10.0)
    found, _ = decode_heatmaps(heatmaps.unflatten(2, (56, 56)), rois)
    reach = (rois[:, None, 2:] - rois[:, None, :2]) / 56
    assert ((found - keypoints).abs() <= reach + 1)[valid].all()


def test_confidence_is_what_the_heatmap_has_near_the_keypoint():
    """Two places, one with three times the share: the keypoint is at it with 0.75."""
    rois = torch.tensor([[0.0, 0, 112, 56]])
    heatmaps = torch.full((1, 2, 56, 56), -50.0)
    heatmaps[0, :, 10, 10] = np.log(3)
    heatmaps[0, :, 10, 20] = 0
    # Cells are 2 x 1 pixels, so the places are 20 pixels apart. With an area of 2500 the
    # similarity is 0.5 at 50 * sigma * (8 ln 2)^0.5 = 117.7 * sigma pixels.
    keypoints = torch.tensor([[[21.0, 10.5], [21.0, 10.5]]])
    sigmas = torch.tensor([19.0, 21.0]) / 117.7
    found = keypoint_confidences(heatmaps, rois, keypoints, torch.tensor([2500.0]), sigmas)
    torch.testing.assert_close(found, torch.tensor([[0.75, 1.0]]))
    # half of a map without any preference lies near its middle, in every direction alike
    flat, middle = torch.zeros(1, 1, 56, 56), torch.tensor([[[56.0, 28.0]]])
    radius = (56 * 112 / 2 / np.pi) ** 0.5 / 2
    found = keypoint_confidences(
        flat, rois, middle, torch.tensor([2500.0]), torch.tensor([radius / 117.7])
    )
    assert found.item() == pytest.approx(np.pi * radius**2 / (56 * 112), abs=0.01)
    nobody = keypoint_confidences(heatmaps[:0], rois[:0], keypoints[:0], rois[:0, 0], sigmas)
    assert nobody.shape == (0, 2)


def test_enlarged_rois_keep_their_centre():
    rois = torch.tensor([[10.0, 20, 30, 60]])
    assert enlarge(rois, 1.3).tolist() == [[7, 14, 33, 66]]
    assert torch.equal(enlarge(rois, 1.0), rois)


def test_outside_of_the_map_counts_as_zero():
    """A RoI that reaches over the border sees half of a constant map, and a slope, no step."""
    options = dict(roi_layer=dict(type='RoIAlign', output_size=8, sampling_ratio=1))
    options |= dict(out_channels=1, featmap_strides=[4])
    feat = torch.ones(1, 1, 8, 8)
    rois = torch.tensor([[0, -16.0, 0, 16, 32]])
    padded = ZeroPaddedRoIExtractor(**options)((feat,), rois)[0, 0]
    assert (padded[:, :3] == 0).all() and (padded[:, 5:] == 1).all()
    assert torch.allclose(padded[:, 3:5], torch.tensor([0.0, 1.0]), atol=0.51)
    # as a map that is padded with zeros beforehand
    wide = torch.nn.functional.pad(feat, (8, 8, 8, 8))
    plain = MODELS.build(dict(type='mmdet.SingleRoIExtractor') | options)
    expected = plain((wide,), rois + torch.tensor([0, 32.0, 32, 32, 32]))[0, 0]
    torch.testing.assert_close(padded, expected)


def attention_by_loops(module, x):
    """The attention of the module, cell by cell, from the formula."""
    size, heads = module.grid_size, module.num_heads
    query, key = module.to_qk(x).chunk(2, 1)
    value, outputs = module.to_v(x), torch.zeros_like(x)
    depth = x.shape[1] // heads
    cells = [(row, column) for row in range(size) for column in range(size)]
    for head in range(heads):
        part = slice(head * depth, (head + 1) * depth)
        for y, a in cells:
            q = query[0, part, y, a] * depth**-0.5
            logits = torch.stack(
                [
                    q @ key[0, part, v, u]
                    + q @ module.rel_width[u - a + size - 1]
                    + q @ module.rel_height[v - y + size - 1]
                    for v, u in cells
                ]
            )
            weights = logits.softmax(0)
            outputs[0, part, y, a] = sum(
                w * value[0, part, v, u] for w, (v, u) in zip(weights, cells, strict=True)
            )
    return outputs


@pytest.mark.parametrize('size', [4, 5])
def test_relative_attention_on_any_grid(size):
    module = GlobalContextModule(8, num_heads=2, grid_size=size).attention
    x = torch.randn(1, 8, size, size)
    torch.testing.assert_close(module(x), attention_by_loops(module, x), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize('size', [7, 14, 28])
def test_global_context_of_any_grid(size):
    module = GlobalContextModule(16, num_heads=4, grid_size=size)
    assert module(torch.randn(2, 16, size, size)).shape == (2, 16, size, size)
    assert module.attention.rel_width.shape == (2 * size - 1, 4)


def test_heads_that_cannot_share_the_channels():
    with pytest.raises(InputError, match='3 heads cannot share 16 channels'):
        GlobalContextModule(16, num_heads=3)


def test_receptive_field():
    """With global context a cell sees the whole RoI, without it does not."""
    options = dict(num_keypoints=2, in_channels=8, conv_channels=16, num_convs=4)
    context = dict(type='mmdet.GlobalContextModule', num_heads=2)
    for head, whole in (
        (KeypointHead(**options), False),
        (ContextKeypointHead(context=context, **options), True),
    ):
        x = torch.randn(1, 8, 14, 14, requires_grad=True)
        head.eval()(x)[0, 0, 2, 2].backward()
        assert bool((x.grad != 0).any(1).all()) is whole


def small_model():
    """A model of few channels that takes 64 x 64 pixels in its stride."""
    config = load('keypoint-rcnn_r50_fpn_gcm_8xb2-3x_coco-800x1333').model
    config.backbone.update(depth=18, base_channels=8, stem_channels=8, frozen_stages=-1)
    config.backbone.norm_eval = False
    config.neck.update(in_channels=[8, 16, 32, 64], out_channels=16)
    config.rpn_head.update(in_channels=16, feat_channels=16)
    config.roi_head.bbox_roi_extractor.out_channels = 16
    config.roi_head.keypoint_roi_extractor.out_channels = 16
    config.roi_head.bbox_head.update(in_channels=16, fc_out_channels=32)
    config.roi_head.keypoint_head.update(in_channels=16, conv_channels=16)
    config.train_cfg.rcnn.sampler.num = 32
    return MODELS.build(config)


@pytest.mark.parametrize(
    'labels',
    [
        people((10, 5, 60, 60)),
        people((10, 5, 60, 60), labelled=0),
        people(),
    ],
    ids=['a person', 'without keypoints', 'nobody'],
)
def test_every_parameter_gets_a_gradient(labels):
    model = small_model()
    images = torch.randn(2, 3, 64, 64)
    samples = [sample_of(labels, (64, 64)), sample_of(people(), (64, 64))]
    loss, losses = model.parse_losses(model(images, samples, mode='loss'))
    assert all(torch.isfinite(value) for value in losses.values())
    assert (losses['loss_keypoint'] > 0) == bool(labels.keypoints_visible.any())
    loss.backward()
    assert [n for n, p in model.named_parameters() if p.requires_grad and p.grad is None] == []


def test_a_sampler_that_reads_the_features():
    """OHEM takes the proposals with the highest box loss."""
    model = small_model()
    options = dict(type='mmdet.OHEMSampler', num=16, pos_fraction=0.25, context=model.roi_head)
    model.roi_head.bbox_sampler = TASK_UTILS.build(options)
    samples = [sample_of(people((20, 30, 110, 200))), sample_of(people())]
    losses = model(torch.randn(2, 3, 256, 320), samples, mode='loss')
    assert losses['loss_keypoint'] > 0 and torch.isfinite(losses['loss_cls'])


def test_statistics_stay_where_there_is_no_region():
    """The batch normalisation of the context modules learns nothing from people without labels."""
    model = small_model()
    samples = [sample_of(people((10, 5, 60, 60), labelled=0), (64, 64))]

    def statistics():
        buffers = model.roi_head.keypoint_head.named_buffers()
        return {name: b.clone() for name, b in buffers if 'running' in name}

    before = statistics()
    model(torch.randn(1, 3, 64, 64), samples, mode='loss')
    assert before and all(torch.equal(b, before[name]) for name, b in statistics().items())


def test_regions_are_chosen_before_they_are_enlarged():
    """A keypoint in the margin of an enlarged RoI does not make it train the keypoint branch."""
    head = small_model().roi_head
    assert head.roi_scale == 1.3
    person = people((10, 10, 50, 50))
    sampled = [SimpleNamespace(pos_priors=person.bboxes, pos_assigned_gt_inds=torch.tensor([0]))]
    for place, count in ((52.0, 0), (50.0, 1)):
        person.keypoints = torch.full((1, 17, 2), place)
        rois, keypoints, _ = head._targets(sampled, [person])
        assert len(rois) == len(keypoints) == count
    torch.testing.assert_close(rois, torch.tensor([[0.0, 4, 4, 56, 56]]))


def test_the_context_modules_start_as_the_authors_do():
    head = MODELS.build(
        dict(type='mmdet.ContextKeypointHead', num_keypoints=17, in_channels=16, conv_channels=256)
    )
    head.init_weights()
    for context in head.contexts:
        for norm in (context.norm1, context.norm2):
            assert 0 <= norm.weight.min() < 0.05 and 0.95 < norm.weight.max() <= 1
            assert norm.bias.abs().max() == 0
        fan_out = context.conv.weight[:, 0].numel()
        assert context.conv.weight.std().item() == pytest.approx((2 / fan_out) ** 0.5, rel=0.02)
        assert context.conv.bias.abs().max() == 0


def test_another_normalisation_and_weight_of_the_loss():
    context = dict(type='mmdet.GlobalContextModule', norm_cfg=dict(type='GN', num_groups=8))
    options = dict(num_keypoints=17, in_channels=16, conv_channels=32)
    head = MODELS.build(dict(type='mmdet.ContextKeypointHead', context=context, **options))
    assert isinstance(head.contexts[0].norm1, torch.nn.GroupNorm)
    double = MODELS.build(dict(type='mmdet.ContextKeypointHead', loss_weight=2.0, **options))
    heatmaps, rois = torch.randn(1, 17, 56, 56), torch.tensor([[0.0, 0, 9, 9]])
    targets = (rois, torch.full((1, 17, 2), 4.0), torch.ones(1, 17))
    once, twice = (h.loss(heatmaps, *targets)['loss_keypoint'] for h in (head, double))
    torch.testing.assert_close(2 * once, twice)


def test_bfloat16():
    """It trains and predicts, and heatmaps differ by rounding (which samples are drawn, too)."""
    model, images = small_model(), torch.randn(2, 3, 64, 64)
    samples = [sample_of(people((10, 5, 60, 60)), (64, 64)) for _ in range(2)]
    with torch.autocast('cpu', torch.bfloat16):
        loss, _ = model.parse_losses(model(images, samples, mode='loss'))
    loss.backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.requires_grad)

    model.eval().roi_head.test_cfg.score_thr = 0.0
    rois, heatmaps = torch.tensor([[0, 4.0, 4, 40, 60], [1, 0, 10, 64, 64]]), []
    with torch.no_grad():
        for enabled in (False, True):
            with torch.autocast('cpu', torch.bfloat16, enabled=enabled):
                found = model(images, samples, mode='predict')[0].pred_instances
                feats = model.extract_feat(images)
                heatmaps.append(model.roi_head.keypoint_forward(feats, rois).float())
            assert len(found) > 5 and np.isfinite(found.keypoints).all()
    # Rounding by up to 2**-8, of one sign or the other, in each of some 50 layers
    error = (heatmaps[1] - heatmaps[0]).square().mean().sqrt()
    assert 0 < error < 50**0.5 * 2**-8 * heatmaps[0].std()


def test_regions_are_pooled_in_float32():
    """In float16 the area of 300 x 300 pixels is infinite, and the level would be the last."""
    config = load('keypoint-rcnn_r50_fpn_8xb2-3x_coco-800x1333').model.roi_head
    extractor = MODELS.build({**config.keypoint_roi_extractor, 'out_channels': 1})
    feats = [torch.full((1, 1, 1024 // s, 1024 // s), float(s)) for s in (4, 8, 16, 32)]
    rois = torch.tensor([[0, 100, 100, 100 + side, 100 + side] for side in (60.0, 200, 300, 460)])
    found = extractor([feat.half() for feat in feats], rois.half())
    assert found[:, 0, 7, 7].tolist() == [4, 8, 16, 32]


def test_an_image_with_people_beside_one_without():
    model = small_model().eval()
    feats = model.extract_feat(torch.randn(2, 3, 64, 64))
    boxes = torch.tensor([[4.0, 4, 40, 60], [0, 10, 64, 64]])
    found = [
        InstanceData(bboxes=b, scores=b[:, 0], labels=torch.zeros(len(b), dtype=torch.long))
        for b in (boxes[:0], boxes)
    ]
    nobody, two = model.roi_head.predict_keypoints(feats, [{}, {}], found)
    assert nobody.keypoints.shape == (0, 17, 2) and two.keypoints.shape == (2, 17, 2)


def test_another_skeleton():
    config = load('keypoint-rcnn_r50_fpn_gcm_8xb2-3x_coco-800x1333').model
    config.metainfo = dict(from_file='configs/_base_/datasets/crowdpose.py')
    assert MODELS.build(config).roi_head.keypoint_head.deconv.out_channels == 14


def test_masks_are_refused():
    config = load('keypoint-rcnn_r50_fpn_8xb2-3x_coco-800x1333').model
    config.roi_head.mask_head = dict(type='mmdet.FCNMaskHead')
    with pytest.raises(InputError, match='no mask branch'):
        MODELS.build(config)


def test_an_mmcv_for_the_cpu_is_told_on_a_gpu(monkeypatch):
    version = 'directpose.models.keypoint_rcnn.detector.get_compiling_cuda_version'
    monkeypatch.setattr(version, lambda: '13.0')
    check_operators(torch.device('cuda'))
    monkeypatch.setattr(version, lambda: 'not available')
    check_operators(torch.device('cpu'))
    with pytest.raises(InputError, match='compiled for the CPU only'):
        check_operators(torch.device('cuda'))
    with pytest.raises(InputError, match='compiled for the CPU only'):
        small_model().extract_feat(SimpleNamespace(device=torch.device('cuda')))


def predict_from(heatmaps, box, meta, rescale):
    """What the head makes of heatmaps (1, 17, H, W) of one person's box."""
    head = small_model().roi_head
    one = InstanceData(bboxes=box, scores=torch.ones(1), labels=torch.zeros(1).long())
    with mock.patch.object(head, 'keypoint_forward', lambda *_: heatmaps):
        return head.predict_keypoints((), [meta], [one], rescale)[0]


def test_people_are_given_in_pixels_of_the_image():
    """The network saw twice its size, moved by 2 pixels."""
    meta = dict(input_size=(64, 64), input_center=(60, 60), input_scale=(128, 128))
    heatmaps, box = torch.randn(1, 17, 56, 56), torch.tensor([[10.0, 10, 50, 50]])
    seen, there = (predict_from(heatmaps, box, meta, rescale) for rescale in (False, True))
    torch.testing.assert_close(there.keypoints, 2 * seen.keypoints - 4)
    torch.testing.assert_close(there.bboxes, 2 * seen.bboxes - 4)


def test_confidences_are_of_the_person_not_of_the_enlarged_region():
    heatmaps, box = torch.randn(1, 17, 56, 56), torch.tensor([[10.0, 10, 50, 50]])
    found, sigmas = predict_from(heatmaps, box, {}, False), small_model().roi_head.sigmas
    regions, areas = enlarge(box, 1.3), areas_in_boxes(box)
    expected = keypoint_confidences(heatmaps, regions, found.keypoints, areas, sigmas)
    torch.testing.assert_close(found.keypoint_scores, expected)


def test_keypoints_on_the_border_belong_to_the_last_cell():
    points = torch.tensor([[[56.0, 10], [10, 112], [56.1, 10]]])
    cells, valid = keypoint_cells(points, torch.ones(1, 3), torch.tensor([[0.0, 0, 56, 112]]), 56)
    assert cells[0, :2].tolist() == [5 * 56 + 55, 55 * 56 + 10]
    assert valid.tolist() == [[True, True, False]]


def test_a_box_without_extent():
    found, _ = decode_heatmaps(torch.zeros(1, 1, 8, 8), torch.tensor([[5.0, 5, 5, 5]]))
    assert found.tolist() == [[[5.5, 5.5]]]  # of a box of one pixel


def test_nobody_found():
    model = small_model().eval()
    model.roi_head.test_cfg.score_thr = 1.0
    sample = sample_of(people(), (64, 64))
    with torch.no_grad():
        found = model(torch.randn(1, 3, 64, 64), [sample], mode='predict')[0].pred_instances
    assert found.keypoints.shape == (0, 17, 2) and found.bboxes.shape == (0, 4)
    assert found.keypoint_scores.shape == (0, 17) and found.bbox_scores.shape == (0,)


@torch.no_grad()
def test_the_fast_form_has_the_same_numbers():
    model, images = small_model(), torch.randn(2, 3, 64, 64)
    model.train().extract_feat(images)  # moves the statistics of the normalisation
    rois = torch.tensor([[0, 4.0, 4, 40, 60], [1, 0, 10, 64, 64]])

    def outputs():
        feats = model.extract_feat(images)
        head = model.roi_head
        regions = head.bbox_roi_extractor(feats[:4], rois), head.keypoint_forward(feats, rois)
        return flatten((model._forward(images), regions[0], regions[1]))

    model.eval()
    before = outputs()
    optimize_for_inference(model)
    for ours, expected in zip(outputs(), before, strict=True):
        torch.testing.assert_close(ours, expected, atol=1e-5, rtol=1e-4)


def flatten(outputs):
    """The tensors in nested tuples."""
    return [outputs] if torch.is_tensor(outputs) else [t for part in outputs for t in flatten(part)]
