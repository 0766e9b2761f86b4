"""A training by iterations that is resumed."""

from types import SimpleNamespace
from unittest import mock

from directpose.engine import EpochSeedHook, ResumableIterTrainLoop
from mmengine.dataset import InfiniteSampler, pseudo_collate
from torch.utils.data import BatchSampler, DataLoader


class Numbers:
    """A dataset of numbers that keeps which of them were read."""

    def __init__(self):
        self.read = []

    def __len__(self):
        return 100

    def __getitem__(self, index):
        self.read.append(index)
        return index


def train(done, last, workers=0):
    """What a training reads and is given that resumes after some iterations of two numbers."""
    dataset, given = Numbers(), []
    sampler = BatchSampler(InfiniteSampler(dataset, seed=0), 2, drop_last=True)
    loader = DataLoader(
        dataset, batch_sampler=sampler, collate_fn=pseudo_collate, num_workers=workers
    )
    runner = SimpleNamespace(
        epoch=0,
        cfg={},
        train_dataloader=loader,
        model=mock.Mock(),
        seed=0,
        val_loop=None,
        visualizer=mock.Mock(),
    )
    loop = ResumableIterTrainLoop(runner, loader, max_iters=last)
    loop._iter, runner.train_loop = done, loop

    def call_hook(moment, **_):
        if moment == 'before_train_epoch':  # as in all configs
            EpochSeedHook().before_train_epoch(runner)

    runner.call_hook = call_hook

    def run_iter(batch):
        given.extend(batch)
        loop._iter += 1

    with mock.patch.object(loop, 'run_iter', run_iter):
        loop.run()
    return dataset.read, given


def test_a_resumed_training_reads_nothing_twice():
    read, given = train(done=0, last=20)
    assert len(given) == 40 and read == given
    read, resumed = train(done=15, last=20)
    assert len(resumed) == 10 and read == resumed  # and not the 30 of before
    assert resumed != given[:10]  # it does not begin anew either
    assert train(done=15, last=20)[1] == resumed


def test_workers_that_have_read_ahead():
    """Those of the loop that was built before it was resumed have begun with the first batches."""
    _, resumed = train(done=15, last=40)
    _, with_workers = train(done=15, last=40, workers=2)
    assert len(resumed) == 50 and with_workers == resumed
