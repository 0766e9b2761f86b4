"""How often the head would make a GPU wait for the host: whatever the batch, a fixed few times.

Counted are operators whose result, or its size, the host has to know: ``nonzero`` and what calls it
(indexing by a mask, ``masked_select``), ``unique``, ``bincount``, suppression, scalars read by
Python, and tensors turned into lists or arrays.
"""

import collections
from unittest import mock

import pytest
import torch
from directpose.models import KeypointHeatmapHead
from helpers.builders import (
    GIOU,
    VISIBILITY,
    build_head,
    people,
    random_feats,
    sample_of,
    v2_options,
)
from mmengine.config import Config
from mmengine.structures import InstanceData
from mmpose.registry import MODELS
from torch.utils._python_dispatch import TorchDispatchMode

WAITS = {
    *('aten.nonzero', 'aten.masked_select', 'aten._local_scalar_dense', 'aten.is_nonzero'),
    *('aten.unique_dim', 'aten._unique', 'aten._unique2', 'aten.unique_consecutive'),
    *('aten.bincount', 'aten.equal', 'aten.repeat_interleave', 'torchvision.nms'),
}
INDEXING = {'aten.index', 'aten.index_put', 'aten.index_put_', 'aten._index_put_impl_'}


class HostWaits(TorchDispatchMode):
    """Counts the calls of the operators above."""

    def __init__(self):
        super().__init__()
        self.calls = collections.Counter()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name = str(function).rpartition('.')[0]
        masks = name in INDEXING and any(i is not None and i.dtype == torch.bool for i in args[1])
        if name in WAITS or masks:
            self.calls[name] += 1
        return function(*args, **(kwargs or {}))


def count(function):
    """Waits of a function, by operator."""
    to_list, lists = torch.Tensor.tolist, []

    def counted(tensor):
        lists.append(tensor)
        return to_list(tensor)

    with HostWaits() as mode, mock.patch.object(torch.Tensor, 'tolist', counted):
        function()
    return mode.calls + collections.Counter(tolist=len(lists))


HEADS = [dict(loss_vis=VISIBILITY, loss_bbox=GIOU), v2_options()]


@pytest.mark.parametrize('options', HEADS, ids=['v1', 'v2'])
@pytest.mark.parametrize('batch', [1, 4])
def test_a_training_step_waits_at_most_six_times(batch, options):
    head = build_head(**options)
    heatmap_head = KeypointHeatmapHead(17, in_channels=32, feat_channels=32)
    feats = random_feats(batch)
    samples = [sample_of(people((20, 30, 110, 200), (150, 60, 200, 140))) for _ in range(batch)]

    def step():
        losses = head.loss(feats, samples) | heatmap_head.loss(feats[0], samples)
        sum(losses.values()).backward()

    calls = count(step)
    assert calls.total() <= 6, calls


@pytest.mark.parametrize('options', HEADS, ids=['v1', 'v2'])
@pytest.mark.parametrize('batch', [1, 4])
@torch.no_grad()
def test_a_prediction_waits_at_most_four_times(batch, options):
    head = build_head(**options)
    torch.nn.init.constant_(head.conv_cls.bias, 0)
    feats, samples = random_feats(batch), [sample_of(people()) for _ in range(batch)]
    calls = count(lambda: head.predict(feats, samples, rescale=True))
    assert calls['torchvision.nms'] == calls['aten.nonzero'] == 1
    assert calls.total() <= 4, calls


@pytest.fixture
def roi_head(root):
    name = 'keypoint-rcnn_tiny_1xb4-5e_synthetic-256x320'
    config = Config.fromfile(root / f'configs/keypoint_rcnn/{name}.py').model
    return MODELS.build(config).roi_head


def detections(batch):
    """Labels of a batch, and what the box branch samples and finds there."""
    labels = [people((20, 30, 110, 200), (150, 60, 200, 140)) for _ in range(batch)]
    sampled = [
        InstanceData(pos_priors=x.bboxes, pos_assigned_gt_inds=torch.arange(2)) for x in labels
    ]
    found = [InstanceData(bboxes=x.bboxes, labels=x.labels, scores=torch.ones(2)) for x in labels]
    return labels, sampled, found


@pytest.mark.parametrize('batch', [1, 4])
def test_the_keypoint_branch_of_keypoint_rcnn(roi_head, batch):
    """Without mmdet's RoI extractor, which waits once a level."""
    labels, sampled, found = detections(batch)
    heatmaps = torch.randn(2 * batch, 17, 56, 56, requires_grad=True)
    metas = [sample_of(people()).metainfo] * batch
    with mock.patch.object(roi_head, 'keypoint_forward', lambda *_: heatmaps):
        calls = count(lambda: sum(roi_head.keypoint_loss((), sampled, labels).values()).backward())
        assert calls.total() == 1, calls
        with torch.no_grad():
            calls = count(lambda: roi_head.predict_keypoints((), metas, found, rescale=True))
        assert calls.total() == 1, calls


def test_what_waits_is_counted():
    x = torch.arange(4)
    assert count(lambda: x[x > 1].tolist()).total() == 2
    assert count(lambda: bool((x > 1).any())).total() == 1
