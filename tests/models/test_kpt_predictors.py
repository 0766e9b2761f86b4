"""KPAlign at some locations against an independent dense evaluation."""

import pytest
import torch
import torch.nn.functional as F
from directpose.models import IteratedKPAlign, KeypointConv, KPAlign, SharedKPAlign
from directpose.models.directpose.sparse_maps import Locations, PyramidShape
from helpers.builders import COCO_GROUPS

SIZES = ((8, 12), (4, 6), (2, 3))
STRIDES = (8, 16, 32)
LOCATION_COUNT = sum(h * w for h, w in SIZES)
GROUPS = ((0, 2), (1,), (4, 3, 5))


def build(
    source_levels='finer',
    with_visibility=True,
    groups=GROUPS,
    dtype=torch.float32,
    kind=KPAlign,
):
    torch.manual_seed(1)
    num_keypoints = sum(map(len, groups))
    layer = kind(
        groups,
        num_keypoints,
        group_channels=8,
        source_levels=source_levels,
        with_visibility=with_visibility,
    )
    for param in layer.parameters():
        torch.nn.init.normal_(param, std=0.3)
    return layer.to(dtype)


def feature_maps(batch=2, channels=24, dtype=torch.float32):
    return [torch.randn(batch, channels, *s, dtype=dtype, requires_grad=True) for s in SIZES]


def everywhere(batch=2):
    return PyramidShape.of(feature_maps(batch, channels=1)).locations(
        torch.arange(batch).repeat_interleave(LOCATION_COUNT),
        torch.arange(LOCATION_COUNT).repeat(batch),
    )


def dense_kpalign(layer, feats, sources):
    """KPAlign at every location by ``grid_sample`` on whole maps: an independent evaluation.

    Args:
        sources: source level of each group, for each level.

    Returns:
        (B, P, K, c), in the order of the flat numbering.
    """
    bases = [layer.locator(x) for x in feats]
    sampled = [layer.sampler(x) for x in feats]
    levels = []
    for level, base in enumerate(bases):
        height, width = base.shape[-2:]
        rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing='ij')
        outputs = [None] * sum(map(len, GROUPS))
        for g, group in enumerate(GROUPS):
            source = sources[level][g]
            ratio = STRIDES[level] // STRIDES[source]
            h, w = SIZES[source]
            base_x, base_y = base[:, 2 * g], base[:, 2 * g + 1]
            x = ratio * (columns + base_x) + ratio // 2
            y = ratio * (rows + base_y) + ratio // 2
            grid = torch.stack([(2 * x + 1) / w - 1, (2 * y + 1) / h - 1], -1)
            first = 8 * g if layer.separate_features else 0
            read = sampled[source][:, first : first + 8]
            values = F.grid_sample(read, grid, align_corners=False)
            linear = layer.predictors[g]
            kernel = linear.weight[..., None, None]
            deltas = F.conv2d(values, kernel, linear.bias).unflatten(1, (len(group), -1))
            for place, k in enumerate(group):
                delta = deltas[:, place]
                offset_x, offset_y = base_x + delta[:, 0] / ratio, base_y + delta[:, 1] / ratio
                outputs[k] = torch.stack([offset_x, offset_y, *delta[:, 2:].unbind(1)], -1)
        levels.append(torch.stack(outputs, 3).flatten(1, 2))
    return torch.cat(levels, 1)


@pytest.mark.parametrize(
    ('source_levels', 'sources'),
    [
        ('finer', [[0, 0, 0], [0, 0, 0], [1, 1, 1]]),
        ('same', [[0, 0, 0], [1, 1, 1], [2, 2, 2]]),
        ('finest', [[0, 0, 0], [0, 0, 0], [0, 0, 0]]),
        (('finest', 'finer', 'same'), [[0, 0, 0], [0, 0, 1], [0, 1, 2]]),
    ],
)
def test_pointwise_equals_dense(source_levels, sources):
    layer, feats = build(source_levels, dtype=torch.float64), feature_maps(dtype=torch.float64)
    offsets, vis_logits = layer(layer.dense(feats), everywhere())
    pointwise = torch.cat([offsets, vis_logits], -1)
    dense = dense_kpalign(layer, feats, sources).flatten(0, 1)
    torch.testing.assert_close(pointwise, dense, atol=1e-5, rtol=0)

    weight = torch.randn_like(dense)
    inputs = [*feats, *layer.parameters()]
    ours = torch.autograd.grad((pointwise * weight).sum(), inputs)
    theirs = torch.autograd.grad((dense * weight).sum(), inputs)
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-5)


def test_shared_features_equal_dense():
    layer = build(dtype=torch.float64, kind=SharedKPAlign)
    assert layer.in_channels == 8 and layer.sampler.conv.groups == 1
    feats = feature_maps(channels=8, dtype=torch.float64)
    offsets, vis_logits = layer(layer.dense(feats), everywhere())
    dense = dense_kpalign(layer, feats, [[0] * 3, [0] * 3, [1] * 3]).flatten(0, 1)
    torch.testing.assert_close(torch.cat([offsets, vis_logits], -1), dense, atol=1e-5, rtol=0)


def test_pointwise_equals_dense_in_float32():
    layer, feats = build(), feature_maps()
    offsets, vis_logits = layer(layer.dense(feats), everywhere())
    dense = dense_kpalign(layer, feats, [[0] * 3, [0] * 3, [1] * 3]).flatten(0, 1)
    torch.testing.assert_close(torch.cat([offsets, vis_logits], -1), dense, atol=1e-5, rtol=1e-5)


def test_some_locations_are_rows_of_all():
    layer, feats = build(), feature_maps()
    chosen = torch.tensor([100, 3, 3, 250])
    some = Locations(*(values[chosen] for values in everywhere()))
    offsets, vis_logits = layer(layer.dense(feats), some)
    all_offsets, all_vis_logits = layer(layer.dense(feats), everywhere())
    torch.testing.assert_close(offsets, all_offsets[chosen])
    torch.testing.assert_close(vis_logits, all_vis_logits[chosen])


def test_gradcheck():
    torch.manual_seed(1)
    layer = KPAlign(((0, 1), (2,)), 3, 4, with_visibility=True).double()
    sizes = (4, 6), (2, 3)
    feats = [torch.randn(1, 8, *s, dtype=torch.float64, requires_grad=True) for s in sizes]
    points = torch.tensor([9, 26, 29])
    locations = PyramidShape.of(feats).locations(torch.zeros_like(points), points)

    def outputs(*maps):
        return layer(layer.dense(maps), locations)

    assert torch.autograd.gradcheck(outputs, feats)


def test_no_location_still_reaches_every_parameter():
    layer, feats = build(), feature_maps()
    nowhere = Locations(*(values[:0] for values in everywhere()))
    offsets, vis_logits = layer(layer.dense(feats), nowhere)
    assert offsets.shape == (0, 6, 2) and vis_logits.shape == (0, 6, 1)
    (offsets.sum() + vis_logits.sum()).backward()
    assert all(p.grad is not None and not p.grad.any() for p in layer.parameters())


@pytest.mark.parametrize('shift', [20.0, -20.0, 1e30])
def test_samples_outside_the_map_are_zero(shift):
    layer, feats = build(), feature_maps()
    torch.nn.init.zeros_(layer.locator.weight)
    torch.nn.init.constant_(layer.locator.bias, shift)
    _, vis_logits = layer(layer.dense(feats), everywhere())
    biases = [predictor.bias[2::3] for predictor in layer.predictors]
    expected = torch.cat(biases)[layer.keypoint_order]
    torch.testing.assert_close(vis_logits[..., 0], expected.expand(len(vis_logits), -1))


def test_half_precision_features_give_float32_coordinates():
    layer, feats = build(), feature_maps()
    with torch.autocast('cpu', dtype=torch.bfloat16):
        offsets, _ = layer(layer.dense(feats), everywhere())
    assert offsets.dtype == torch.float32
    exact, _ = layer(layer.dense(feats), everywhere())
    assert (offsets - exact).abs().mean() < 0.1


@pytest.mark.parametrize(
    ('groups', 'words'),
    [
        (((0, 1), (3,)), 'miss [2]'),
        (((0, 1), (1, 2, 3)), 'repeat [1]'),
        (((0, 1), (2, 3, 4)), 'exceed the range with [4]'),
        (((0, 1, 2, 3), ()), 'empty group'),
    ],
)
def test_bad_groups_are_named(groups, words):
    with pytest.raises(ValueError) as error:
        KPAlign(groups, 4)
    assert words in str(error.value)


@pytest.mark.parametrize('source_levels', ['coarser', ('finer', 'same')])
def test_bad_source_levels_are_named(source_levels):
    with pytest.raises(ValueError, match='source_levels'):
        KPAlign(COCO_GROUPS, 17, source_levels=source_levels)


def test_bad_group_channels_are_named():
    with pytest.raises(ValueError, match='9 groups of group_channels=6: 4 channels'):
        KPAlign(COCO_GROUPS, 17, group_channels=6)


def test_keypoint_conv_is_a_convolution():
    layer, feats = KeypointConv(24, 6, with_visibility=True), feature_maps()
    offsets, vis_logits = layer(layer.dense(feats), everywhere())
    expected = torch.cat([layer.conv(x).flatten(2) for x in feats], 2).transpose(1, 2)
    expected = expected.reshape(-1, 6, 3)
    torch.testing.assert_close(torch.cat([offsets, vis_logits], -1), expected)


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
@pytest.mark.parametrize('kind', [KPAlign, IteratedKPAlign, KeypointConv])
def test_coordinates_are_computed_in_float32_under_autocast(dtype, kind):
    feats = [x.detach() for x in feature_maps()]
    layer = build(kind=kind) if kind != KeypointConv else kind(24, 6, with_visibility=True)
    tables = layer.dense(feats)
    expected = layer(tables, everywhere())
    with torch.autocast('cpu', dtype):
        found = layer(tables, everywhere())
    for ours, exact in zip(found, expected, strict=True):
        assert torch.equal(ours, exact)
