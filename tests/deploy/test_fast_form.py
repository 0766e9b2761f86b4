"""The fast form of a detector gives the same detections."""

import copy
from unittest import mock

import numpy as np
import pytest
import torch
from directpose.deploy.fast_form import optimize_for_inference, separate_groups
from directpose.engine import OptimizeForInferenceHook
from directpose.models import DirectPoseHead
from directpose.models.directpose.tower import GroupwiseLayers, Tower
from directpose.utils.errors import InputError
from helpers.builders import build_head, people, sample_of
from mmengine.config import Config
from mmpose.registry import MODELS
from torch import nn

CONFIGS = [
    'directpose_r50_fpn_8xb4-100e_coco-800x1333',
    'directpose_r50-blur_fpn_gluoncv_coco-800x1333',
    'directpose-naive_r50_fpn_8xb2-25e_coco-800x1333',
]


def random_model(root, name):
    """A model with random weights and, unlike an untrained one, normalisations that matter."""
    config = Config.fromfile(root / f'configs/directpose/{name}.py').model
    config.backbone.init_cfg = None
    model = MODELS.build(config)
    model.init_weights()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.8, 1.2)
            nn.init.normal_(module.bias, std=0.1)
            nn.init.normal_(module.running_mean, std=0.1)
            nn.init.uniform_(module.running_var, 0.5, 2)
        elif isinstance(module, nn.GroupNorm):
            nn.init.uniform_(module.weight, 0.8, 1.2)
            nn.init.normal_(module.bias, std=0.1)
    for name, param in model.bbox_head.named_parameters():
        if name.endswith('conv.bias'):
            nn.init.normal_(param, std=0.1)
    nn.init.zeros_(model.bbox_head.conv_cls.bias)
    return model.eval()


@pytest.mark.parametrize('name', CONFIGS)
@torch.no_grad()
def test_same_detections(root, name):
    model = random_model(root, name)
    images = torch.randn(2, 3, 96, 160)
    samples = [sample_of(people(), img_shape=(96, 160)) for _ in images]
    plain = [s.pred_instances for s in model(images, samples, mode='predict')]
    optimize_for_inference(model)
    optimize_for_inference(model)  # nothing more to do
    assert not [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    assert isinstance(model.bbox_head.kpt_tower, Tower if 'naive' in name else GroupwiseLayers)
    assert model.extract_feat(images)[0].is_contiguous(memory_format=torch.channels_last)
    fast = [s.pred_instances for s in model(images, samples, mode='predict')]
    for before, after in zip(plain, fast, strict=True):
        assert len(before) == len(after) == 100
        torch.testing.assert_close(after.bbox_scores, before.bbox_scores, atol=1e-5, rtol=0)
        torch.testing.assert_close(after.keypoints, before.keypoints, atol=1e-3, rtol=0)


@torch.no_grad()
def test_half_precision(root):
    """Weights of coordinates stay as they are, all results are float32."""
    model = random_model(root, CONFIGS[0])
    images, samples = torch.randn(1, 3, 96, 160), [sample_of(people(), img_shape=(96, 160))]
    exact = model(images, samples, mode='predict')[0].pred_instances
    before = copy.deepcopy(model.bbox_head.kpt_predictor).state_dict()
    with mock.patch('torch.cpu.get_capabilities', return_value=dict(avx512_bf16=True)):
        optimize_for_inference(model, amp=True)
    predictor = model.bbox_head.kpt_predictor
    for name in ('locator.weight', 'predictors.0.weight'):
        assert torch.equal(predictor.get_parameter(name), before[name])
    assert model.backbone.conv1.weight.dtype == torch.bfloat16
    assert model.bbox_head.kpt_tower.groups[0][0].conv.weight.dtype == torch.bfloat16
    found = model(images, samples, mode='predict')[0].pred_instances
    assert found.keypoints.dtype == found.bbox_scores.dtype == np.float32
    np.testing.assert_allclose(found.bbox_scores[:20], exact.bbox_scores[:20], atol=0.02)


def test_a_processor_without_half_precision(root):
    model = random_model(root, CONFIGS[0])
    with (
        mock.patch('torch.cpu.get_capabilities', return_value=dict(avx2=True, amx_bf16=False)),
        pytest.raises(InputError, match='leave --amp out'),
    ):
        optimize_for_inference(model, amp=True)


def test_the_hook_optimizes_what_is_tested(root):
    class Runner:
        model = random_model(root, CONFIGS[0])
        hooks = ()

    assert isinstance(Runner.model.bbox_head, DirectPoseHead)
    OptimizeForInferenceHook().before_test(Runner)
    assert Runner.model.backbone.conv1.bias is not None
    config = Config.fromfile(root / f'configs/directpose/{CONFIGS[0]}.py')
    assert 'OptimizeForInferenceHook' in [hook.type for hook in config.custom_hooks]


def test_groups_of_a_tower():
    tower = Tower(8, 24, num_norm_groups=12, conv_groups=4, stacked_convs=2).double().eval()
    x = torch.randn(2, 8, 5, 7, dtype=torch.float64)
    with torch.no_grad():
        expected = tower(x)
        torch.testing.assert_close(GroupwiseLayers(tower, 4)(x), expected)
        sampler = GroupwiseLayers([tower[1]], 4)
        torch.testing.assert_close(sampler(expected), tower[1](expected))


def test_a_normalisation_across_groups_is_not_split():
    head = build_head(group_channels=6, groups=((0,), (1,), (2,), (3,)), num_keypoints=4).eval()
    separate_groups(head)
    assert isinstance(head.kpt_tower, Tower)


@torch.no_grad()
def test_regions_are_read_rightly():
    """mmcv's operator misreads maps with channels last; mmdet's two-stage detectors call it."""
    model = torch.nn.ModuleDict(
        dict(
            conv=torch.nn.Conv2d(3, 8, 3),
            roi=MODELS.build(
                dict(
                    type='mmdet.SingleRoIExtractor',
                    roi_layer=dict(type='RoIAlign', output_size=7, sampling_ratio=0),
                    out_channels=8,
                    featmap_strides=[1],
                )
            ),
        )
    )
    image, rois = torch.randn(1, 3, 32, 32), torch.tensor([[0, 2.0, 3, 20, 25]])
    before = model['roi']([model['conv'](image)], rois)
    optimize_for_inference(model)
    feat = model['conv'](image)
    assert feat.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(model['roi']([feat], rois), before)
