"""DirectPose v2: iterated alignment, quality scores, OKS as loss and in the assignment."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from directpose.models import CenterAssigner, IteratedKPAlign, KPAlign, OKSAssigner, OKSLoss
from directpose.models.directpose.sparse_maps import Locations, PyramidShape
from directpose.models.directpose.targets import people_of, targets_at
from directpose.utils.errors import InputError
from directpose.utils.similarity import (
    areas_in_boxes,
    keypoint_similarities,
    object_keypoint_similarities,
)
from helpers.builders import (
    GIOU,
    VISIBILITY,
    build_head,
    people,
    random_feats,
    sample_of,
    v2_options,
)
from mmengine.structures import InstanceData

GROUPS = ((0, 2), (1,), (4, 3, 5))
OF_GROUP = (0, 1, 0, 2, 2, 2)
SIZES = ((8, 12), (4, 6), (2, 3))
COUNT = sum(h * w for h, w in SIZES)


# ------------------------------------------------------------------ iterated alignment


def build(dtype=torch.float64, **options):
    torch.manual_seed(1)
    layer = IteratedKPAlign(GROUPS, 6, group_channels=8, with_visibility=True, **options)
    for param in layer.parameters():
        torch.nn.init.normal_(param, std=0.3)
    return layer.to(dtype)


def feature_maps(batch=2):
    return [torch.randn(batch, 24, *s, dtype=torch.float64, requires_grad=True) for s in SIZES]


def everywhere(feats):
    batch = torch.arange(len(feats[0])).repeat_interleave(COUNT)
    return PyramidShape.of(feats).locations(batch, torch.arange(COUNT).repeat(len(feats[0])))


def dense_iteration(layer, layers, feats, start, logits):
    """A stage after ``start`` (B, P, K, 2), by ``grid_sample`` on whole maps."""
    maps = [layer.sampler(x) for x in feats]
    offsets, result = start.detach().split([h * w for h, w in SIZES], 1), []
    for level, (height, width) in enumerate(SIZES):
        source = max(level - 1, 0)
        ratio, (h, w) = 2 ** (level - source), SIZES[source]
        rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing='ij')
        cells = torch.stack((columns, rows), -1).view(-1, 1, 2)
        # the centre of a cell of this level, in cells of the source
        places = ratio * (cells + 0.5 + offsets[level]) - 0.5  # (B, P_l, K, 2)
        grid = (2 * places + 1) / torch.tensor([w, h]) - 1
        deltas = []
        for k, group in enumerate(OF_GROUP):
            read = maps[source][:, 8 * group : 8 * group + 8]
            values = F.grid_sample(read, grid[:, :, k, None], align_corners=False)[..., 0]
            own = [weight.chunk(len(OF_GROUP))[k] for weight in layers.parameters()]
            hidden = F.linear(values.mT, own[0], own[1]).relu()
            deltas.append(F.linear(hidden, own[2], own[3]))
        delta = torch.stack(deltas, 2)
        delta = torch.cat((offsets[level] + delta[..., :2] / ratio, delta[..., 2:]), -1)
        result.append(delta)
    found = torch.cat(result, 1)
    return found[..., :2], logits + found[..., 2:]


def test_every_stage_equals_a_dense_evaluation():
    layer, feats = build(iterations=2), feature_maps()
    stages, logits = layer.stages(layer.dense(feats), everywhere(feats))
    first, first_logits = super(IteratedKPAlign, layer).stages(
        layer.dense(feats), everywhere(feats)
    )
    shape = (2, COUNT, 6, -1)
    dense, dense_logits = [first[0].view(shape)], first_logits.view(shape)
    for layers in layer.iterations:
        found, dense_logits = dense_iteration(layer, layers, feats, dense[-1], dense_logits)
        dense.append(found)
    assert len(stages) == 3
    for ours, theirs in zip([*stages, logits], [*dense, dense_logits], strict=True):
        torch.testing.assert_close(ours, theirs.flatten(0, 1), atol=1e-5, rtol=0)
    inputs = [*feats, *layer.iterations.parameters()]
    gradients = [
        torch.autograd.grad((last * last).sum() + vis.sum(), inputs, allow_unused=True)
        for last, vis in ((stages[-1], logits), (dense[-1].flatten(0, 1), dense_logits))
    ]
    for a, b in zip(*gradients, strict=True):
        assert (a is None) == (b is None)
        if a is not None:
            torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-5)


def test_fresh_iterations_change_nothing():
    torch.manual_seed(0)
    layer = IteratedKPAlign(GROUPS, 6, group_channels=8, iterations=2)
    feats = [x.float() for x in feature_maps()]
    (first, second, third), logits = layer.stages(layer.dense(feats), everywhere(feats))
    assert torch.equal(first, second) and torch.equal(second, third) and logits.shape[-1] == 0


# ------------------------------------------------------------------ OKS


def one_person(visible=(1, 1)):
    return InstanceData(
        bboxes=torch.tensor([[0.0, 0, 40, 80]]),
        labels=torch.tensor([0]),
        areas=torch.tensor([1600.0]),
        keypoints=torch.tensor([[[10.0, 20], [30, 60]]]),
        keypoints_visible=torch.tensor([visible]),
    )


def test_oks_is_that_of_coco():
    """d^2 / (8 sigma^2 area): 16 / (8 * 0.01 * 1600) = 1 / 8 and 64 / 128 = 1 / 2."""
    person, sigmas = one_person(), torch.tensor([0.1, 0.1])
    found = person.keypoints + torch.tensor([[[4.0, 0], [0, 8]]])
    arguments = (person.keypoints, person.keypoints_visible, person.areas, sigmas)
    oks = object_keypoint_similarities(found, *arguments)
    assert oks.item() == pytest.approx((np.exp(-1 / 8) + np.exp(-1 / 2)) / 2)
    seen = object_keypoint_similarities(
        found, person.keypoints, torch.tensor([[1, 0]]), *arguments[2:]
    )
    assert seen.item() == pytest.approx(np.exp(-1 / 8))
    nothing = object_keypoint_similarities(
        found, person.keypoints, torch.tensor([[0, 0]]), *arguments[2:]
    )
    assert nothing.item() == 0


def test_the_loss_is_one_minus_oks_weighted_by_centerness():
    person = people_of([one_person(), one_person(visible=(1, 0))])
    priors = torch.tensor([[20.0, 40, 8, 8], [12, 40, 8, 8]])  # at the centre, and left of it
    targets, sigmas = targets_at(person, priors), torch.tensor([0.1, 0.1], dtype=torch.float64)
    targets.offsets = targets.offsets.double()
    away = torch.tensor([[[4.0, 0], [0, 8]], [[4, 0], [0, 8]]], dtype=torch.float64) / 8
    loss = OKSLoss(loss_weight=2.0)
    centers = np.array([1, (12 / 28) ** 0.5])
    oks = np.array([(np.exp(-1 / 8) + np.exp(-1 / 2)) / 2, np.exp(-1 / 8)])
    expected = 2 * (centers * (1 - oks)).sum() / centers.sum()
    assert loss(targets.offsets + away, targets, sigmas).item() == pytest.approx(expected)
    points = (targets.offsets + away).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: loss(x, targets, sigmas), points)
    assert loss(targets.offsets, targets, sigmas) == 0
    # Where they sum to less than 1, centernesses are weights all the same.
    off_centre = targets[torch.tensor([False, True])]
    found = loss(off_centre.offsets + away[1:], off_centre, sigmas).item()
    assert found == pytest.approx(2 * centers[1] * (1 - oks[1]))
    nobody = targets[torch.zeros(2, dtype=torch.bool)]
    assert loss(nobody.offsets, nobody, sigmas) == 0


def test_people_without_extent_have_an_area():
    """Of at least a pixel, as COCO's areas are; a similarity of 0 / 0 would be no number."""
    assert areas_in_boxes(torch.tensor([[5.0, 5, 5, 9]])).item() == pytest.approx(0.53 * 4)
    origin, near = torch.zeros(1, 1, 2), torch.ones(1, 1, 2)
    found = keypoint_similarities(near, origin, torch.zeros(1), torch.tensor([0.5]))
    assert found.item() == pytest.approx(np.exp(-2 / (8 * 0.25)))


# ------------------------------------------------------------------ assignment


def test_the_best_poses_learn():
    """Person 0 has OKS that sum to 2.1, so the two cheapest learn it; person 1 takes one."""
    oks = torch.tensor([[0.9, 0.1], [0.7, 0.2], [0.5, 0.0], [0.99, 0.3]])
    candidates = torch.tensor([[True, False], [True, True], [True, True], [False, False]])
    probs = torch.full((4, 2), 0.5)
    boxes = torch.zeros(2, 4)
    assert OKSAssigner()(candidates, boxes, oks, probs).tolist() == [0, 0, -1, -1]
    # A low probability weighs as a low OKS does, a third as much.
    probs[1, 0] = 0.1
    assert OKSAssigner()(candidates, boxes, oks, probs).tolist() == [0, 1, 0, -1]


def test_nobody_takes_more_than_ten():
    ones = torch.ones(12, 1)
    matched = OKSAssigner()(ones.bool(), torch.zeros(1, 4), ones, ones / 2)
    assert (matched == 0).sum() == 10
    assert (OKSAssigner().center_radius, CenterAssigner().center_radius) == (2.5, 1.5)


def test_everybody_takes_a_candidate():
    oks, probs = torch.zeros(3, 2), torch.zeros(3, 2)
    candidates = torch.tensor([[True, False], [True, False], [False, True]])
    matched = OKSAssigner()(candidates, torch.zeros(2, 4), oks, probs)
    assert sorted(matched.tolist()) == [-1, 0, 1]


def test_the_smallest_person_is_learnt_near_its_centre():
    candidates = torch.tensor([[True, True], [True, False], [False, False]])
    boxes = torch.tensor([[0.0, 0, 90, 90], [0, 0, 9, 9]])
    assert CenterAssigner()(candidates, boxes).tolist() == [1, 0, -1]


@pytest.mark.parametrize('assigner', [CenterAssigner(), OKSAssigner()])
@pytest.mark.parametrize('shape', [(0, 0), (0, 3), (4, 0)])
def test_nobody_or_nothing_to_assign(assigner, shape):
    nothing = torch.zeros(shape)
    matched = assigner(nothing.bool(), torch.zeros(shape[1], 4), nothing, nothing)
    assert matched.tolist() == [-1] * shape[0]


# ------------------------------------------------------------------ the head

BATCHES = dict(
    people=[people((20, 30, 110, 200), (150, 60, 200, 140)), people((5, 5, 300, 250))],
    empty_beside_full=[people(), people((20, 30, 110, 200))],
    all_images_empty=[people(), people()],
    nothing_labelled=[people((20, 30, 110, 200), labelled=0), people()],
    one_keypoint=[people((20, 30, 110, 200), labelled=1), people((10, 10, 60, 60), labelled=1)],
)


def build_trained_head(**options):
    """A head whose stages differ; fresh iterations change nothing."""
    head = build_head(**v2_options(**options))
    for param in head.kpt_predictor.iterations.parameters():
        torch.nn.init.normal_(param, std=0.3)
    return head


@pytest.mark.parametrize('assigner', ['OKSAssigner', 'CenterAssigner'])
@pytest.mark.parametrize('batch', BATCHES)
def test_loss_is_finite_and_reaches_every_parameter(batch, assigner):
    head = build_head(**v2_options(assigner=dict(type=f'mmdet.{assigner}')))
    losses = head.loss(random_feats(), [sample_of(labels) for labels in BATCHES[batch]])
    assert set(losses) == {'loss_cls', 'loss_kpt', 'loss_oks', 'loss_vis'}
    assert all(torch.isfinite(loss) for loss in losses.values())
    sum(losses.values()).backward()
    assert [name for name, param in head.named_parameters() if param.grad is None] == []


@pytest.mark.parametrize(
    ('option', 'message'),
    [
        (dict(loss_bbox=GIOU), 'no loss_bbox; leave it out'),
        (dict(loss_centerness=VISIBILITY), 'no loss_centerness; leave it out'),
        (dict(centerness_on_kpt=True), 'no centerness_on_kpt; leave it out'),
        (dict(sigmas=[0.05] * 5), '5 sigmas for 17 keypoints'),
        (dict(sigmas=None), 'needs sigmas, one for each keypoint'),
        (dict(num_keypoints=1), 'needs two keypoints'),
    ],
)
def test_options_that_do_not_fit_are_refused(option, message):
    with pytest.raises(InputError, match=message):
        build_head(**v2_options() | option)


def test_the_paper_s_head_has_no_poses_to_assign_by():
    head = build_head(assigner=dict(type='mmdet.OKSAssigner'))
    with pytest.raises(InputError, match='use it in a DirectPoseV2Head'):
        head.loss(random_feats(), [sample_of(labels) for labels in BATCHES['people']])


def test_options_of_the_paper_may_be_none():
    build_head(**v2_options(loss_bbox=None, loss_centerness=None))


def test_another_skeleton():
    groups = [[0], [1, 2]]
    options = v2_options(num_keypoints=3)
    options['kpt_predictor']['groups'] = groups
    head = build_head(**options)
    labels = people((20, 30, 110, 200), num_keypoints=3)
    assert head.loss(random_feats(1), [sample_of(labels)])['loss_oks'] > 0
    torch.nn.init.constant_(head.conv_cls.bias, 0)
    (found,) = head.predict(random_feats(1), [sample_of(labels)])
    assert found.keypoints.shape[1:] == (3, 2)


def test_errors_of_all_stages_but_the_last_count_half():
    head = build_head(**v2_options())
    prior = torch.tensor([[64.0, 112, 8, 8]])
    targets = targets_at(people_of([people((20, 30, 110, 200))]), prior)
    exact, away, logits = targets.offsets, targets.offsets + 0.5, torch.zeros(1, 17, 1)
    found = [
        head._keypoint_losses([exact] * wrong + [away] + [exact] * (2 - wrong), logits, targets)
        for wrong in range(3)
    ]
    for name in ('loss_kpt', 'loss_oks'):
        first, second, last = (losses[name].item() for losses in found)
        assert [first, second] == pytest.approx([last / 2, last / 2]) and last > 0.1
    assert last == pytest.approx(head.loss_oks(away, targets, head.sigmas).item())


def test_the_target_of_the_score_is_the_quality_of_the_pose(monkeypatch):
    """OKS^0.5 at positives, 0 elsewhere; the score of a prediction is the probability itself."""
    head = build_trained_head()
    seen = {}

    def loss_cls(logits, targets, weight, avg_factor):
        seen.update(targets=targets, weight=weight, avg_factor=avg_factor)
        return logits.sum()

    monkeypatch.setattr(head.loss_cls, 'forward', loss_cls)
    labels = people((20, 30, 110, 200), (150, 60, 200, 140))
    feats = random_feats(1)
    head.loss(feats, [sample_of(labels)])
    positives = seen['targets'][0, :, 0].nonzero()[:, 0]
    assert seen['avg_factor'] == len(positives) >= 2

    outs = head(feats)
    priors, person = head._priors(outs['cls_scores']), people_of([labels])
    shape = PyramidShape.of(outs['cls_scores'])
    locations = shape.locations(torch.zeros_like(positives), positives)
    (*_, offsets), _ = head.kpt_predictor.stages(outs['kpt_tables'], locations)
    poses = priors[positives, None, :2] + offsets * priors[positives, None, 2:]
    oks = object_keypoint_similarities(
        poses[:, None], person.keypoints, person.keypoints_visible, person.areas, head.sigmas
    )
    _, inds, near = head._candidates(priors, person, [labels])
    near = near[torch.isin(inds, positives)]
    quality = seen['targets'][0, positives, 0]
    apart = (oks**0.5 - quality[:, None]).abs().masked_fill(~near, 1)
    assert apart.amin(1).max() < 1e-5

    torch.nn.init.constant_(head.conv_cls.bias, 1)
    (found,) = head.predict(feats, [sample_of(labels)])
    probs = torch.cat([x.flatten() for x in head(feats)['cls_scores']]).sigmoid()
    torch.testing.assert_close(found.scores[0], probs.max())


def test_images_of_a_batch_do_not_learn_each_others_people(monkeypatch):
    head, seen = build_trained_head(), []

    def loss_cls(logits, targets, **_):
        seen.append(targets)
        return logits.sum()

    monkeypatch.setattr(head.loss_cls, 'forward', loss_cls)
    batch = [people((20, 30, 110, 200), (150, 60, 200, 140)), people((30, 20, 120, 190))]
    feats = random_feats(2)
    head.loss(feats, [sample_of(labels) for labels in batch])
    for number, labels in enumerate(batch):
        head.loss([feat[number : number + 1] for feat in feats], [sample_of(labels)])
    together, *alone = seen
    torch.testing.assert_close(together, torch.cat(alone))
    assert (together > 0).flatten(1).any(1).all()


@pytest.mark.parametrize('kind', [KPAlign, IteratedKPAlign])
def test_finer_levels_are_read_where_nobody_is_predicted(kind):
    """The same as a layer with locations on these levels too, none of which is asked for."""
    layer = kind(GROUPS, 6, group_channels=8)
    for param in layer.parameters():
        torch.nn.init.normal_(param, std=0.3)
    feats = [torch.randn(2, 24, *size) for size in ((16, 20), (8, 10), (4, 5))]
    batch_inds, levels = torch.tensor([0, 1, 1]), torch.tensor([0, 0, 1])
    cells = torch.tensor([[3, 2], [9, 7], [1, 1]])
    here = layer(layer.dense(feats[1:], feats[:1]), Locations(batch_inds, levels, cells))
    there = layer(layer.dense(feats), Locations(batch_inds, levels + 1, cells))
    torch.testing.assert_close(here, there)
    coarse = layer(layer.dense(feats[1:]), Locations(batch_inds, levels, cells))
    assert not torch.allclose(here[0], coarse[0])


def test_a_head_that_reads_a_finer_level():
    """It learns from it, and predicts nobody at it."""
    head = build_head(
        **v2_options(),
        finer_strides=[8],
        strides=[16, 32],
        regress_ranges=[(-1, 128), (128, 1e8)],
        kpt_first_kernel=1,
    )
    feats = [f.requires_grad_() for f in random_feats(sizes=((32, 40), (16, 20), (8, 10)))]
    outs = head(feats)
    assert [tuple(x.shape[2:]) for x in outs['cls_scores']] == [(16, 20), (8, 10)]
    assert head.kpt_tower[0].conv.kernel_size == (1, 1)
    labels = people((20, 20, 120, 220), (150, 40, 250, 200))
    labels.areas = torch.tensor([9000.0, 7000.0])
    losses = head.loss_by_feat(outs, [labels, labels])
    (losses['loss_kpt'] + losses['loss_oks']).backward()
    assert feats[0].grad.abs().sum() > 0
    with pytest.raises(InputError, match=r'strides \[4, 16, 32\]: each must be twice'):
        build_head(finer_strides=[4], strides=[16, 32], regress_ranges=[(-1, 64), (64, 1e8)])
