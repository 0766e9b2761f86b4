"""On a GPU under autocast, as far as that can be shown without one.

Fake tensors have a device and a dtype but no values, and operators refuse what does not go
together. What depends on values is answered: so many positives, so many people.
"""

import contextlib

import pytest
import torch
from directpose.models import KeypointHeatmapHead
from helpers.builders import (
    GIOU,
    VISIBILITY,
    build_head,
    naive_options,
    people,
    random_feats,
    sample_of,
    v2_options,
)
from torch._subclasses import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

HALF = (torch.float16, torch.bfloat16)


class Answers(TorchDispatchMode):
    """Answers what only values tell, and counts the copies for which host and GPU wait.

    Args:
        found: positives, candidates and people of two images.
    """

    def __init__(self, found):
        super().__init__()
        self.found, self.copies = found, 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        options = kwargs or {}
        if str(function) == 'aten._to_copy.default' and not options.get('non_blocking'):
            target = options.get('device', args[0].device)
            self.copies += torch.device(target).type != args[0].device.type
        match str(function).rpartition('.')[0]:
            case 'aten.nonzero':
                return args[0].new_zeros(self.found, args[0].ndim, dtype=torch.long)
            case 'torchvision.nms':
                return args[0].new_zeros(self.found, dtype=torch.long)
            case 'aten._local_scalar_dense':
                return self.found // 2
            case 'aten.index' if args[1][0] is not None and args[1][0].dtype == torch.bool:
                return args[0].new_zeros(self.found, *args[0].shape[1:])
        return function(*args, **(kwargs or {}))


@contextlib.contextmanager
def fake_cuda(dtype, found):
    """A GPU that is not there, with autocast as torch.autocast would set it if it were."""
    before = torch.is_autocast_enabled('cuda'), torch.get_autocast_dtype('cuda')
    torch.set_autocast_enabled('cuda', True)
    torch.set_autocast_dtype('cuda', dtype)
    try:
        with FakeTensorMode(), Answers(found) as mode:
            yield mode
    finally:
        torch.set_autocast_enabled('cuda', before[0])
        torch.set_autocast_dtype('cuda', before[1])


V1 = dict(loss_vis=VISIBILITY, loss_bbox=GIOU)


@pytest.mark.filterwarnings('ignore:User provided device_type')
@pytest.mark.parametrize(('dtype', 'found'), [(HALF[0], 6), (HALF[1], 6), (HALF[0], 0)])
@pytest.mark.parametrize(
    ('options', 'losses_there'),
    [(V1, 6), (V1 | naive_options(), 6), (v2_options(), 5)],
    ids=['kpalign', 'naive', 'v2'],
)
def test_losses_and_keypoints_are_float32_on_the_gpu(dtype, options, losses_there, found):
    with fake_cuda(dtype, found) as mode:
        with torch.device('cuda'):
            head = build_head(**options)
            heatmap_head = KeypointHeatmapHead(17, in_channels=32, feat_channels=32)
            feats = random_feats(2)
            samples = [sample_of(people((20, 30, 110, 200))) for _ in range(2)]
        assert head(feats)['cls_scores'][0].dtype == dtype
        mode.copies = 0
        losses = head.loss(feats, samples) | heatmap_head.loss(feats[0], samples)
        assert mode.copies == ('loss_bbox' in options and found > 0)  # in mmdet's GIoU loss
        mode.copies = 0
        people_found = head.predict(feats, samples, rescale=True)
        assert mode.copies == 1  # the people
    assert {(loss.dtype, loss.device.type) for loss in losses.values()} == {(torch.float32, 'cuda')}
    assert len(losses) == losses_there and len(people_found) == 2
    for values in people_found[0].values():
        assert values.device.type == 'cpu' and values.dtype in (torch.float32, torch.int64)
        assert len(values) == found // 2


def test_what_does_not_go_together_is_refused():
    with fake_cuda(HALF[0], 1), pytest.raises(RuntimeError, match='device'):
        torch.ones(2, device='cuda') * torch.ones(2)
