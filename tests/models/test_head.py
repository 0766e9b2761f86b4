"""The head of DirectPose: losses, predictions, branches, odd batches."""

from collections import Counter

import numpy as np
import pytest
import torch
from directpose.models import FoundKeypoints, KeypointHeatmapHead
from directpose.models.directpose.decoding import nms_by_image, select_candidates
from directpose.models.directpose.targets import people_of, person_areas, targets_at
from directpose.models.directpose.tower import Tower
from directpose.models.pose_results import attach_predictions
from directpose.utils.errors import InputError
from helpers.builders import (
    GIOU,
    SIZES,
    VISIBILITY,
    build_head,
    naive_options,
    people,
    random_feats,
    sample_of,
)
from mmdet.visualization import DetLocalVisualizer
from mmengine.config import Config
from mmpose.registry import MODELS
from torch.utils._python_dispatch import TorchDispatchMode

FOUND = dict(vis_target=dict(type='mmdet.FoundKeypoints'), sigmas=[0.05] * 17)
VARIANTS = dict(
    default={},
    naive=naive_options(),
    naive_visibility=naive_options() | dict(loss_vis=VISIBILITY),
    centerness_on_kpt=dict(centerness_on_kpt=True),
    visibility=dict(loss_vis=VISIBILITY),
    confidence=dict(loss_vis=VISIBILITY, **FOUND),
    boxes=dict(loss_bbox=GIOU),
    l1=dict(loss_kpt=dict(type='mmdet.L1Loss')),
    all=dict(centerness_on_kpt=True, loss_vis=VISIBILITY, loss_bbox=GIOU),
)
BATCHES = dict(
    people=[people((20, 30, 110, 200), (150, 60, 200, 140)), people((0, 0, 300, 250))],
    one_image_empty=[people(), people((40, 40, 120, 200))],
    all_images_empty=[people(), people()],
    nothing_labelled=[people((20, 30, 110, 200), labelled=0), people()],
    one_keypoint=[people((20, 30, 110, 200), labelled=1), people((10, 10, 60, 60), labelled=1)],
    person_between_levels=[people((5, 5, 6, 6)), people((0, 0, 2, 2))],
)


@pytest.mark.parametrize('variant', VARIANTS)
@pytest.mark.parametrize('batch', BATCHES)
def test_loss_is_finite_and_reaches_every_parameter(variant, batch):
    head = build_head(**VARIANTS[variant])
    losses = head.loss(random_feats(), [sample_of(labels) for labels in BATCHES[batch]])
    names = {'loss_cls', 'loss_centerness', 'loss_kpt'}
    optional = [name for name in ('loss_vis', 'loss_bbox') if name in VARIANTS[variant]]
    assert set(losses) == names.union(optional)
    assert all(torch.isfinite(loss) for loss in losses.values())
    sum(losses.values()).backward()
    missing = [name for name, param in head.named_parameters() if param.grad is None]
    assert missing == []
    if batch in ('all_images_empty', 'nothing_labelled'):
        assert losses['loss_kpt'] == 0 and losses['loss_cls'] > 0


@pytest.mark.parametrize('variant', VARIANTS)
def test_predictions_have_the_documented_fields(variant):
    head = build_head(**VARIANTS[variant])
    torch.nn.init.constant_(head.conv_cls.bias, 0)  # every location is a candidate
    samples = [sample_of(people()) for _ in range(2)]
    for found in head.predict(random_feats(), samples):
        n = len(found)
        assert 0 < n <= 100
        assert found.bboxes.shape == (n, 4) and found.labels.shape == (n,)
        assert found.keypoints.shape == (n, 17, 2)
        assert found.keypoint_scores.shape == found.keypoints_visible.shape == (n, 17)
        assert (found.bbox_scores.diff() <= 0).all()
        assert torch.equal(found.scores, found.bbox_scores)  # mmdet's name
        assert (
            found.bboxes.min() >= 0 and (found.bboxes <= torch.tensor([320, 256, 320, 256])).all()
        )
        assert (found.keypoint_scores > 0).all()  # CocoMetric drops people of zero scores


def test_no_candidate_above_the_threshold():
    head = build_head(loss_vis=VISIBILITY, loss_bbox=GIOU)
    torch.nn.init.constant_(head.conv_cls.bias, -20)
    samples = [sample_of(people()) for _ in range(2)]
    for found in head.predict(random_feats(), samples, rescale=True):
        assert len(found) == 0
        assert found.keypoints.shape == (0, 17, 2) and found.bboxes.shape == (0, 4)


def test_candidates_of_one_image_only():
    head = build_head()
    outs = head(random_feats())
    for score in outs['cls_scores']:
        score[0], score[1] = -20.0, 0.0
    samples = [sample_of(people()).metainfo for _ in range(2)]
    with torch.no_grad():
        empty, full = head.predict_by_feat(outs, samples)
    assert len(empty) == 0 and len(full) > 0


def test_nms_pre_limits_each_level():
    outs = build_head()(random_feats())
    locations, labels, scores = select_candidates(outs['cls_scores'], outs['centernesses'], 0.0, 7)
    for b in range(2):
        assert torch.bincount(locations.levels[locations.batch_inds == b]).tolist() == [
            7,
            7,
            7,
            7,
            6,
        ]
    for level in range(5):
        probs = (
            outs['cls_scores'][level][0, 0].sigmoid() * outs['centernesses'][level][0, 0].sigmoid()
        )
        chosen = (locations.batch_inds == 0) & (locations.levels == level)
        columns, rows = locations.cells[chosen].unbind(1)
        best = probs.flatten().sort(descending=True).values[: len(rows)].sqrt()
        torch.testing.assert_close(scores[chosen], best)
        torch.testing.assert_close(probs[rows, columns].sqrt(), best)
    assert not labels.any()


def test_several_classes_are_suppressed_apart():
    head = build_head(num_classes=3)
    labels = people((20, 30, 110, 200), (150, 60, 200, 140))
    labels.labels = torch.tensor([2, 0])
    samples = [sample_of(labels), sample_of(people())]
    sum(head.loss(random_feats(), samples).values()).backward()
    torch.nn.init.constant_(head.conv_cls.bias, 0)
    found = head.predict(random_feats(), samples)[0]
    assert set(found.labels.tolist()) == {0, 1, 2}


def test_towers_that_are_computed_again_give_the_same_gradients():
    feats, samples = random_feats(), [sample_of(labels) for labels in BATCHES['people']]
    gradients = []
    for with_cp in (False, True):
        torch.manual_seed(0)
        head = build_head(with_cp=with_cp)
        sum(head.loss(feats, samples).values()).backward()
        gradients.append({name: p.grad for name, p in head.named_parameters()})
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradients[1][name], gradient)


def test_losses_are_float32_under_amp():
    head = build_head(loss_vis=VISIBILITY, loss_bbox=GIOU)
    heatmap_head = KeypointHeatmapHead(17, in_channels=32, feat_channels=32)
    samples = [sample_of(labels) for labels in BATCHES['people']]
    feats = [x.requires_grad_() for x in random_feats()]
    seen = []
    for branch in (head, heatmap_head):
        for name, loss in branch.named_children():
            if name.startswith('loss_'):
                loss.register_forward_pre_hook(lambda _, args: seen.append(args[0].dtype))
    with torch.autocast('cpu', dtype=torch.bfloat16):
        assert head(feats)['cls_scores'][0].dtype == torch.bfloat16
        losses = head.loss(feats, samples) | heatmap_head.loss(feats[0], samples)
    assert len(seen) == 6 and set(seen) == {torch.float32}  # what the losses are computed from
    sum(losses.values()).backward()
    assert all(torch.isfinite(x.grad).all() for x in feats)
    exact = head.loss(feats, samples) | heatmap_head.loss(feats[0], samples)
    for name, loss in losses.items():
        torch.testing.assert_close(loss, exact[name], rtol=0.1, atol=0.02)


def test_l1_loss_is_the_formula():
    head = build_head(loss_kpt=dict(type='mmdet.L1Loss'))
    labels = people((20, 30, 110, 200), (150, 60, 200, 140))
    labels.keypoints_visible[0, 5:] = 0
    labels.keypoints_visible[1, 11:] = 0
    priors = head._priors(random_feats(batch=1))
    *points, targets = head._positives({}, torch.empty(0), priors, [labels])
    tables = head.kpt_predictor.dense([torch.randn(1, 72, *size) for size in SIZES])
    locations = tables[0].shape.locations(*points)
    (offsets,), logits = head.kpt_predictor.stages(tables, locations)
    numbers = targets.keypoints_visible.sum(1).long()  # n_i
    assert set(numbers.tolist()) == {5, 11}
    errors = zip((offsets - targets.offsets).abs(), numbers, strict=True)
    error = torch.stack([e[:n].mean() for e, n in errors])  # over labelled k, and x and y
    weight = targets.centernesses * numbers
    expected = (weight * error).sum() / weight.sum()
    loss = head._keypoint_losses([offsets], logits, targets)['loss_kpt']
    torch.testing.assert_close(loss, expected)


def test_initialisation():
    head = build_head(loss_bbox=GIOU)
    head.init_weights()
    prior = torch.sigmoid(head.conv_cls.bias)
    torch.testing.assert_close(prior, torch.full_like(prior, 0.01))
    for name, param in head.named_parameters():
        if param.ndim == 4:
            assert abs(param.std() - 0.01) < 0.002, name
        elif name.endswith('bias') and 'conv_cls' not in name:
            assert not param.any(), name


def test_bad_strides_are_named():
    with pytest.raises(InputError, match='4 strides but 5 regress_ranges'):
        build_head(strides=(8, 16, 32, 64))
    with pytest.raises(InputError, match='each must be twice the one before'):
        build_head(strides=(4, 16, 32, 64, 128))


def test_one_keypoint_needs_boxes():
    options = dict(num_keypoints=1, groups=[[0]])
    with pytest.raises(InputError, match='one keypoint has no extent'):
        build_head(**options)
    build_head(**options, loss_bbox=GIOU)


def test_a_whole_detector_learns_from_an_empty_batch(root):
    config = Config.fromfile(
        root / 'configs/directpose/directpose_tiny_1xb4-5e_synthetic-256x320.py'
    )
    model = MODELS.build(config.model)
    samples = [sample_of(people(), img_shape=(64, 96)) for _ in range(2)]
    losses = model(torch.randn(2, 3, 64, 96), samples, mode='loss')
    sum(losses.values()).backward()
    assert [name for name, param in model.named_parameters() if param.grad is None] == []


def test_heatmap_targets_at_the_borders():
    head = MODELS.build(dict(type='mmdet.KeypointHeatmapHead', num_keypoints=3, in_channels=32))
    labels = people((0, 0, 1, 1), num_keypoints=3)
    labels.keypoints = torch.tensor([[[0.0, 0], [39.9, 23.9], [8, 7.99]]])
    labels.keypoints_visible = torch.tensor([[1.0, 2, 0]])
    targets = head.targets(torch.zeros(1, 3, 3, 5), [labels])
    assert targets.nonzero().tolist() == [[0, 0, 0, 0], [0, 1, 2, 4]]


def test_no_compiled_operator_of_mmcv_is_called(monkeypatch):
    import mmcv.ops

    def refuse(*args, **kwargs):
        raise AssertionError('a compiled operator of mmcv was called')

    compiled = [m for m in vars(mmcv.ops).values() if hasattr(m, '__globals__')]
    extensions = {g for f in compiled for n, g in f.__globals__.items() if n == 'ext_module'}
    assert extensions
    for extension in extensions:
        for name in [n for n in dir(extension) if not n.startswith('_')]:
            monkeypatch.setattr(extension, name, refuse)
    head = build_head(loss_vis=VISIBILITY, loss_bbox=GIOU)
    samples = [sample_of(labels) for labels in BATCHES['people']]
    sum(head.loss(random_feats(), samples).values()).backward()
    head.predict(random_feats(), samples)


def test_tracing_is_refused_in_a_sentence():
    head, feats = build_head().requires_grad_(False), random_feats(batch=1)

    def trace(*maps):
        return head.predict(maps, [sample_of(people())])[0].keypoints

    expected = pytest.raises(InputError, match=r'cannot be traced by torch.jit.*export_onnx.py')
    with expected:
        torch.jit.trace(trace, feats, check_trace=False)


def test_a_visualizer_of_mmdet_draws_the_boxes():
    samples = [sample_of(people())]
    head = build_head()
    torch.nn.init.constant_(head.conv_cls.bias, 0)
    with torch.no_grad():
        found = head.predict(random_feats(batch=1), samples)
    sample = attach_predictions(samples, found)[0]
    visualizer = DetLocalVisualizer()
    visualizer.dataset_meta = dict(classes=('person',), palette=[(0, 255, 0)])
    black = np.zeros((256, 320, 3), np.uint8)
    visualizer.add_datasample('', black, sample, draw_gt=False, pred_score_thr=0.0)
    assert visualizer.get_image().any()


def test_a_keypoint_is_found_where_the_similarity_is_a_half():
    """With an area of 2500 and a sigma of 0.1, 0.1 * 50 * (8 ln 2)^0.5 = 11.77 pixels away."""
    labels = people((0, 0, 100, 50), labelled=3, num_keypoints=4)
    labels.areas = torch.tensor([2500.0])
    targets = targets_at(people_of([labels]), torch.tensor([[20.0, 20, 8, 8]]))
    away = torch.tensor([[11.7, 0], [0, 11.8], [8.3, 8.3], [0, 0]]) / 8
    found = FoundKeypoints()(targets.offsets + away, targets, torch.full((4,), 0.1))
    assert found.tolist() == [[1, 0, 1, 0]]  # the last is not labelled
    with pytest.raises(InputError, match='sigmas'):
        FoundKeypoints()(targets.offsets, targets, None)


def test_areas_that_are_missing_are_those_of_boxes():
    labels = people((0, 0, 100, 50))
    assert person_areas(labels).tolist() == pytest.approx([2650])
    labels.areas = torch.tensor([1234], dtype=torch.int64)
    assert person_areas(labels).tolist() == [1234.0]
    labels.areas = torch.tensor([0.0])
    assert person_areas(labels).tolist() == pytest.approx([2650])


def test_only_people_of_the_same_image_and_class_suppress_each_other():
    boxes, sizes = torch.tensor([[0.0, 0, 9, 9]]).expand(4, -1), torch.tensor([[10, 10]] * 2)
    images, labels = torch.tensor([0, 0, 1, 1]), torch.tensor([0, 1, 0, 1])
    kept = nms_by_image(boxes, torch.arange(4.0), images, labels, sizes, 2, 0.5, 100)
    assert kept.tolist() == [3, 2, 1, 0]


def test_the_threshold_is_for_the_class_not_for_its_product_with_the_centerness():
    maps = [torch.zeros(1, 1, 1, 1)], [torch.full((1, 1, 1, 1), -10.0)]
    for threshold, count in ((0.4, 1), (0.5, 0)):
        assert len(select_candidates(*maps, threshold, 5)[2]) == count


def test_heatmaps_start_empty_and_two_people_at_a_place_are_one():
    head = KeypointHeatmapHead(3, in_channels=32)
    head.init_weights()
    torch.testing.assert_close(head.predictor.bias.sigmoid(), torch.full((3,), 0.01))
    labels = people((0, 0, 1, 1), (0, 0, 1, 1), num_keypoints=3)
    labels.keypoints = torch.full((2, 3, 2), 4.0)
    assert head.targets(torch.zeros(1, 3, 3, 5), [labels])[0, :, 0, 0].tolist() == [1, 1, 1]


class Operators(TorchDispatchMode):
    """Counts the calls of operators."""

    def __init__(self):
        super().__init__()
        self.calls = Counter()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.calls[str(function)] += 1
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize(('with_cp', 'convolutions'), [(False, 4), (True, 8)])
def test_what_a_tower_computes_again_in_the_backward_pass(with_cp, convolutions):
    """Normalisations always, convolutions only if told."""
    tower = Tower(8, 8, 2, with_cp=with_cp)
    with Operators() as seen:
        tower(torch.randn(1, 8, 5, 7)).sum().backward()
    assert seen.calls['aten.convolution.default'] == convolutions
    assert seen.calls['aten.native_group_norm.default'] == 8
