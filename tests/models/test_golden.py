"""The head against numbers of the reference program; the arrays' meaning is in the fixtures.

``gluoncv_head_small.npz`` holds seeded weights, two images' features and everything the
reference head makes of them: raw outputs, targets, losses, gradients and detections.
"""

import numpy as np
import pytest
import torch
from directpose.models import KeypointHeatmapHead
from directpose.models.directpose.sparse_maps import PyramidShape
from directpose.weights.conversion import from_gluoncv
from helpers.builders import VISIBILITY, build_head, people, sample_of
from mmengine.structures import InstanceData

LEVELS = range(5)


@pytest.fixture(scope='module')
def golden(root):
    with np.load(root / 'tests/data/gluoncv_head_small.npz') as arrays:
        return {name: torch.from_numpy(arrays[name]) for name in arrays.files}


@pytest.fixture(scope='module')
def heads(golden):
    """The head and the heatmap branch with the reference's weights."""
    head = build_head(centerness_on_kpt=True, loss_vis=VISIBILITY)
    heatmap_head = KeypointHeatmapHead(17, in_channels=32, feat_channels=32)
    converted = from_gluoncv({n[2:]: w for n, w in golden.items() if n.startswith('w:')})
    for module, prefix in ((head, 'bbox_head.'), (heatmap_head, 'heatmap_head.')):
        found = {n: w for n, w in converted.items() if n.startswith(prefix)}
        module.load_state_dict({n.removeprefix(prefix): w for n, w in found.items()})
    return head, heatmap_head


@pytest.fixture
def feats(golden):
    return [golden[f'feat_p{level + 3}'].clone().requires_grad_() for level in LEVELS]


@pytest.fixture(scope='module')
def samples(golden):
    result = []
    for b in range(2):
        labels = people(*golden[f'gt{b}_boxes'].tolist())
        labels.keypoints = golden[f'gt{b}_kpts'][..., :2]
        labels.keypoints_visible = golden[f'gt{b}_kpts'][..., 2]
        result.append(sample_of(labels))
    return result


def all_points(feats):
    """Every location of a batch."""
    batch, num_points = len(feats[0]), sum(x[0, 0].numel() for x in feats)
    return PyramidShape.of(feats).locations(
        torch.arange(batch).repeat_interleave(num_points), torch.arange(num_points).repeat(batch)
    )


def close(actual, expected, tolerance):
    torch.testing.assert_close(actual, expected, atol=tolerance, rtol=0, check_dtype=False)


def test_raw_outputs(heads, feats, golden):
    outs = heads[0](feats)
    for level in LEVELS:
        close(outs['cls_scores'][level], golden[f'cls_{level}'], 1e-4)
        close(outs['centernesses'][level], golden[f'ctr_{level}'], 1e-4)
    offsets, vis_logits = heads[0].kpt_predictor(outs['kpt_tables'], all_points(feats))
    expected = [golden[f'kpt_{level}'].flatten(2) for level in LEVELS]
    expected = torch.cat(expected, 2).transpose(1, 2).reshape(-1, 17, 3)
    close(torch.cat([offsets, vis_logits], -1), expected, 1e-4)
    close(heads[1](feats[0]), golden['heatmap'], 1e-4)


def test_targets(heads, feats, samples, golden):
    head, heatmap_head = heads
    labels = [s.gt_instance_labels for s in samples]
    priors = head._priors(feats)
    *positives, targets = head._positives({}, torch.empty(0), priors, labels)
    expected = [golden[f'tgt_labels_{level}'].reshape(2, -1) for level in LEVELS]
    assert torch.equal(torch.stack(positives, 1), (torch.cat(expected, 1) != 1).nonzero())
    positives = tuple(positives)
    boxes = torch.cat([golden[f'tgt_bbox_{level}'].reshape(2, -1, 4) for level in LEVELS], 1)[
        positives
    ]
    ours = torch.cat(
        [targets.points - targets.bboxes[:, :2], targets.bboxes[:, 2:] - targets.points], 1
    )
    close(ours / targets.strides[:, None], boxes, 1e-4)
    keypoints = [golden[f'tgt_kpt_{level}'].reshape(2, -1, 17, 3) for level in LEVELS]
    keypoints = torch.cat(keypoints, 1)[positives]
    labelled = targets.keypoints_visible > 0
    assert torch.equal(labelled, keypoints[..., 2] > 0)
    close(targets.offsets[labelled], keypoints[..., :2][labelled], 1e-4)
    close(heatmap_head.targets(golden['heatmap'], labels), golden['tgt_heatmap'], 0)


def test_losses_and_gradients(heads, feats, samples, golden):
    head, heatmap_head = heads
    losses = head.loss(feats, samples) | heatmap_head.loss(feats[0], samples)
    names = dict(cls='cls', ctr='centerness', kpt_loc='kpt', kpt_vis='vis', hm='heatmap')
    assert len(losses) == len(names)
    for theirs, ours in names.items():
        expected = golden[f'loss_loss_directpose_{theirs}']
        torch.testing.assert_close(losses[f'loss_{ours}'], expected, rtol=1e-4, atol=0)
    grads = torch.autograd.grad(sum(losses.values()), feats)
    for level, grad in zip(LEVELS, grads, strict=True):
        expected = golden[f'grad_p{level + 3}']
        assert (grad - expected).norm() <= 1e-3 * expected.norm()


@torch.no_grad()
def test_detections(heads, feats, golden):
    samples = [sample_of(InstanceData()) for _ in range(2)]
    for b, found in enumerate(heads[0].predict(feats, samples, rescale=True)):
        close(found.bbox_scores, golden[f'det{b}_scores'], 1e-4)
        close(found.bboxes, golden[f'det{b}_boxes'], 1e-2)
        close(found.keypoints, golden[f'det{b}_kpts'][..., :2], 1e-2)
        close(found.keypoint_scores, golden[f'det{b}_kpts'][..., 2], 1e-4)
