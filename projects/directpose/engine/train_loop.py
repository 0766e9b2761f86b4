"""A training by iterations that resumes at once."""

import itertools

from mmengine.dataset import InfiniteSampler
from mmengine.runner import IterBasedTrainLoop
from mmpose.registry import LOOPS


@LOOPS.register_module()
class ResumableIterTrainLoop(IterBasedTrainLoop):
    """mmengine's training by iterations, which does not read the images of a resumed run's past.

    mmengine loads every batch of the iterations before once more, only to pass over it: after
    200,000 iterations of 2 images that is most of a day's decoding. Here a resumed run draws new
    batches instead, with a seed of its own.
    """

    def run(self) -> None:
        """Train, from the iteration that was loaded."""
        if self._iter:
            sampler = self.dataloader.batch_sampler.sampler
            if hasattr(sampler, 'seed'):
                sampler.seed += self._iter
            if isinstance(sampler, InfiniteSampler):
                # The workers of the iterator that is there have begun to use up its indices.
                sampler.indices = InfiniteSampler(
                    sampler.dataset, sampler.shuffle, sampler.seed
                ).indices
            batches = type(self.dataloader_iterator)(self.dataloader)
            # What mmengine passes over.
            self.dataloader_iterator = itertools.chain(itertools.repeat(None, self._iter), batches)
        return super().run()
