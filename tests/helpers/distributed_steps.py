"""Training steps of one of several processes, for test_distributed.py: started by torchrun.

PYTHONPATH=tests python -m torch.distributed.run --nproc_per_node 2 -m helpers.distributed_steps OUT
"""

import datetime
import sys
from pathlib import Path

import directpose  # noqa: F401  (registers everything)
import torch
from mmengine.config import Config
from mmengine.registry import MODELS as NORMS
from mmengine.registry import init_default_scope
from mmpose.registry import MODELS
from torch.distributed.nn.functional import all_reduce
from torch.nn.parallel import DistributedDataParallel

from helpers.builders import people, sample_of
from helpers.commands import CONFIG, ROOT

KEYPOINT_RCNN = 'configs/keypoint_rcnn/keypoint-rcnn_tiny-gcm_1xb4-5e_synthetic-256x320.py'

# Boxes of the people in each image of each batch; half of a batch for each of two processes.
BATCHES = dict(
    different=[
        [(10, 10, 90, 120), (60, 20, 200, 190)],
        [(5, 30, 250, 250)],
        [(100, 40, 160, 200), (0, 0, 40, 60), (120, 100, 250, 250)],
        [(30, 30, 70, 90)],
    ],
    one_process_without_people=[[(10, 10, 90, 120)], [(5, 30, 250, 250)], [], []],
    nobody=[[], [], [], []],
)


class Losses(torch.nn.Module):
    """All losses of a detector for a batch, as DistributedDataParallel wants to see them."""

    def __init__(self, detector):
        super().__init__()
        self.detector = detector

    def forward(self, images, samples):
        losses = self.detector.loss(images, samples)
        return {
            name: torch.stack(value).sum() if isinstance(value, list) else value.sum()
            for name, value in losses.items()
        }


def build_model():
    """The small detector with GroupNorm in its backbone, too: nothing depends on the batch."""
    init_default_scope('mmpose')
    torch.manual_seed(0)
    cfg = Config.fromfile(ROOT / CONFIG).model
    cfg.backbone.norm_cfg = dict(type='GN', num_groups=8, requires_grad=True)
    return Losses(MODELS.build(cfg))


@NORMS.register_module()
class CollectiveNorm(torch.nn.BatchNorm2d):
    """Batch normalisation over all processes on a CPU, where torch refuses its own."""

    def forward(self, x):
        count = x.new_tensor([x.numel() / x.shape[1]])
        sums = torch.cat((x.sum((0, 2, 3)), x.square().sum((0, 2, 3)), count))
        means, squares, count = all_reduce(sums).split((x.shape[1], x.shape[1], 1))
        count = count.clamp(min=1)
        mean, square = (m[:, None, None] / count for m in (means, squares))
        normal = (x - mean) / (square - mean.square() + self.eps).sqrt()
        return normal * self.weight[:, None, None] + self.bias[:, None, None]


def build_keypoint_rcnn():
    """The small Keypoint R-CNN whose context modules share their statistics."""
    init_default_scope('mmpose')
    torch.manual_seed(0)
    cfg = Config.fromfile(ROOT / KEYPOINT_RCNN).model
    cfg.roi_head.keypoint_head.context = dict(
        type='mmdet.GlobalContextModule', norm_cfg=dict(type='CollectiveNorm')
    )
    return Losses(MODELS.build(cfg))


def make_batch(name):
    """Images (4, 3, 256, 256) and their labels."""
    torch.manual_seed(1)
    samples = [sample_of(people(*boxes), (256, 256)) for boxes in BATCHES[name]]
    return torch.randn(4, 3, 256, 256), samples


def step(model, images, samples):
    """Losses and gradients, by name."""
    model.zero_grad()
    losses = model(images, samples)
    sum(losses.values()).backward()
    gradients = {
        name.removeprefix('module.'): None if p.grad is None else p.grad.clone()
        for name, p in model.named_parameters()
    }
    return {name: value.detach() for name, value in losses.items()}, gradients


def main(out):
    torch.set_num_threads(1)
    # a process that others wait for ends in an error
    torch.distributed.init_process_group('gloo', timeout=datetime.timedelta(seconds=60))
    rank = torch.distributed.get_rank()
    model = DistributedDataParallel(build_model())
    mine = slice(2 * rank, 2 * rank + 2)
    results = {}
    for name in BATCHES:
        images, samples = make_batch(name)
        results[name] = step(model, images[mine], samples[mine])
    model = DistributedDataParallel(build_keypoint_rcnn())
    for name, batch in dict(
        keypoint_rcnn='one_process_without_people', keypoint_rcnn_nobody='nobody'
    ).items():
        images, samples = make_batch(batch)
        results[name] = step(model, images[mine], samples[mine])
    torch.save(results, Path(out) / f'{rank}.pt')
    torch.distributed.destroy_process_group()


if __name__ == '__main__':
    main(sys.argv[1])
