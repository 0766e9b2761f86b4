"""The batch that fills the memory of a GPU."""

import copy
import functools
import itertools
from collections.abc import Callable

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import BaseDataset, pseudo_collate
from mmengine.logging import MessageHub
from mmengine.registry import DefaultScope
from mmpose.registry import DATASETS
from torch import nn

from ..utils.config import build_model
from ..utils.errors import InputError

STEPS = 20  # at least, of an epoch
FILL = 0.8  # of the memory; the rest is for images with more people and for fragments


def batch_for_gpu(cfg: Config) -> int:
    """The largest batch of a training that takes at most 80 % of the free memory of its GPU.

    An epoch has at least 20 steps.

    Raises:
        InputError: there is no GPU, there are several processes, or not even one image fits.
    """
    if not torch.cuda.is_available() or cfg.get('launcher', 'none') != 'none':
        raise InputError('--batch auto measures the memory of one GPU; give a number, as --batch 8')
    half = cfg.optim_wrapper.get('type', 'OptimWrapper') != 'OptimWrapper'
    with DefaultScope.overwrite_default_scope(cfg.get('default_scope', 'mmpose')):
        dataset = DATASETS.build(cfg.train_dataloader.dataset)
        free, _ = torch.cuda.mem_get_info()
        model = build_model(with_largest_images(cfg)).cuda().train()
        settle_image_size(model, dataset)
        peak_of = functools.partial(peak_memory, model, dataset, half)
        return largest_batch(peak_of, free, max(1, len(dataset) // STEPS))


def with_largest_images(cfg: Config) -> Config:
    """A copy of a config whose images, where their size changes from step to step, are largest."""
    cfg = copy.deepcopy(cfg)
    for augment in cfg.model.data_preprocessor.get('batch_augments') or []:
        if 'random_size_range' in augment:
            augment.random_size_range = (augment.random_size_range[1],) * 2
    return cfg


def settle_image_size(model: nn.Module, dataset: BaseDataset) -> None:
    """Preprocess an image: the size that a ``BatchSyncRandomResize`` chooses is for the next."""
    MessageHub.get_current_instance().update_info('iter', -1)  # when it chooses, before a training
    model.data_preprocessor(pseudo_collate([dataset[0]]), training=True)


def peak_memory(model: nn.Module, dataset: BaseDataset, half: bool, batch: int) -> float:
    """Bytes that a training step with a batch takes on the GPU, those of the optimiser included."""
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    samples = [dataset[index % len(dataset)] for index in range(batch)]
    data = model.data_preprocessor(pseudo_collate(samples), training=True)
    with torch.autocast('cuda', enabled=half):
        losses = model(**data, mode='loss')
    model.parse_losses(losses)[0].backward()
    moments = 2 * sum(4 * weight.numel() for weight in model.parameters() if weight.requires_grad)
    model.zero_grad()
    return torch.cuda.max_memory_allocated() + moments


def largest_batch(peak_of: Callable[[int], float], memory: float, most: int) -> int:
    """The largest batch that takes at most a share of the memory.

    Memory grows by the same with each image, so a line through a few small batches tells it. As
    images differ, a step with that batch is tried; if it takes more, the half.

    Args:
        peak_of: the memory that a step with a batch takes; an OutOfMemoryError if there is less.
        memory: that there is, in the same unit.
        most: the batch is not larger.

    Raises:
        InputError: not even one image fits.
    """
    batches: list[int] = []
    peaks: list[float] = []
    for batch in (2**power for power in itertools.count()):
        try:
            peak = peak_of(batch)
        except torch.cuda.OutOfMemoryError:
            break
        batches.append(batch)
        peaks.append(peak)
        if batch >= most or (peak > FILL * memory / 4 and batch > 1):
            break
    if not batches or peaks[0] > FILL * memory:
        raise InputError(
            'not even one image fits into the memory of the GPU; take --amp, smaller images or a '
            'smaller model'
        )
    if len(batches) == 1:
        return 1
    growth, rest = np.polyfit(batches, peaks, 1)
    fits = int((FILL * memory - rest) / growth) if growth > 0 else batches[-1]
    batch = max(1, min(fits, most))
    while batch > 1 and not is_possible(peak_of, batch, FILL * memory):
        batch //= 2
    return batch


def is_possible(peak_of: Callable[[int], float], batch: int, memory: float) -> bool:
    """Whether a batch takes so much memory at most, or up to a twentieth more: images differ."""
    try:
        return peak_of(batch) <= 1.05 * memory
    except torch.cuda.OutOfMemoryError:
        return False
