"""Hook that makes random numbers reproducible after resuming."""

import functools
import random
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from mmengine.dataset import worker_init_fn
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.runner import IterBasedTrainLoop
from mmpose.registry import HOOKS

LARGE_PRIME = 15485863


@dataclass
class SeededWorker:
    """A ``worker_init_fn`` that does what another one does, and then sets the seeds.

    Attributes:
        init: the other one.
        seeding: sets the seeds.
    """

    init: Callable[[int], None] | None
    seeding: Callable[[int], None]

    def __call__(self, worker_id: int) -> None:
        if self.init is not None:
            self.init(worker_id)
        self.seeding(worker_id)


@HOOKS.register_module()
class EpochSeedHook(Hook):
    """Let the random numbers of an epoch depend on the seed and the epoch only.

    So a training by epochs that was interrupted goes on as if it had not been: with the checkpoint
    of an epoch, the same batches and the same augmentation follow, also where the seed is a random
    one, which checkpoints keep. mmengine's own samplers know the epoch already, its data workers
    do not.
    """

    def before_train_epoch(self, runner) -> None:
        """Seed this process, and the data workers that are about to start."""
        seed, rank = (runner.seed + LARGE_PRIME * runner.epoch) % 2**30, get_rank()
        for set_seed in (random.seed, np.random.seed, torch.manual_seed):
            set_seed(seed + rank)
        loader = runner.train_dataloader
        sampler = loader.batch_sampler.sampler
        if hasattr(sampler, 'seed') and not isinstance(runner.train_loop, IterBasedTrainLoop):
            # It was made before the checkpoint told the seed. All processes share one order.
            own_seeds = runner.cfg.get('randomness', {}).get('diff_rank_seed', False)
            sampler.seed = runner.seed - rank * own_seeds
        seeding = functools.partial(
            worker_init_fn, num_workers=loader.num_workers, rank=rank, seed=seed
        )
        init = loader.worker_init_fn
        if isinstance(init, SeededWorker):
            init = init.init
        loader.worker_init_fn = SeededWorker(init, seeding)
        # Workers that persist would go on with the numbers of the epoch before.
        loader._iterator = None
