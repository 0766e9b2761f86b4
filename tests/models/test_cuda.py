"""On a real GPU: the numbers of the CPU, and few waits: DIRECTPOSE_TEST_GPU=1 python -m pytest."""

import copy
import warnings

import pytest
import torch
from helpers.builders import GIOU, VISIBILITY, build_head, people, random_feats, sample_of

pytestmark = pytest.mark.skipif(
    not torch.cuda.is_available(), reason='needs a GPU and DIRECTPOSE_TEST_GPU=1'
)


@pytest.fixture(scope='module')
def heads():
    torch.manual_seed(0)
    head = build_head(loss_vis=VISIBILITY, loss_bbox=GIOU)
    torch.nn.init.zeros_(head.conv_cls.bias)
    return head, copy.deepcopy(head).cuda()


def on_gpu(feats, samples):
    return [feat.cuda() for feat in feats], [sample.to('cuda') for sample in samples]


def batch():
    return random_feats(), [sample_of(people((20, 30, 110, 200))) for _ in range(2)]


def waits(function, *args, **kwargs):
    """Result of a function, and how often CUDA says that the host waited."""
    torch.cuda.set_sync_debug_mode('warn')
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter('always')
            result = function(*args, **kwargs)
    finally:
        torch.cuda.set_sync_debug_mode('default')
    return result, sum('synchroniz' in str(warning.message) for warning in caught)


def test_losses(heads):
    data = batch()
    expected = heads[0].loss(*data)
    found, count = waits(heads[1].loss, *on_gpu(*data))
    assert count <= 6
    for name, loss in expected.items():
        torch.testing.assert_close(found[name].cpu(), loss, rtol=1e-3, atol=1e-4)


@torch.no_grad()
def test_people(heads):
    data = batch()
    expected = heads[0].eval().predict(*data)
    found, count = waits(heads[1].eval().predict, *on_gpu(*data), rescale=False)
    assert count <= 4
    for ours, theirs in zip(found, expected, strict=True):
        assert len(ours) == len(theirs) > 0
        torch.testing.assert_close(ours.bbox_scores, theirs.bbox_scores, rtol=0, atol=1e-3)
