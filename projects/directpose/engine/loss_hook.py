"""Hook that ends a training with an infinite or NaN loss."""

import torch
from mmengine.hooks import Hook
from mmpose.registry import HOOKS

from ..utils.errors import InputError


@HOOKS.register_module()
class FiniteLossHook(Hook):
    """End a training whose loss is infinite or no number, and tell which images it had seen."""

    priority = 'VERY_HIGH'  # before a checkpoint is written

    def after_train_iter(
        self, runner, batch_idx: int, data_batch: dict | None = None, outputs: dict | None = None
    ) -> None:
        """Check the losses of an iteration.

        Raises:
            InputError: one is not finite.
        """
        # mmengine's log reads every loss as well: there is nothing left to wait for.
        broken = [
            f'{name} is {float(value)}'
            for name, value in (outputs or {}).items()
            if not torch.isfinite(torch.as_tensor(value)).all()
        ]
        if broken:
            ids = [sample.metainfo.get('img_id') for sample in data_batch['data_samples']]
            raise InputError(
                f'{", ".join(broken)} in iteration {runner.iter + 1}, epoch {runner.epoch + 1}, '
                f'with the images {ids}: look at them and their annotations, or lower the learning '
                'rate'
            )
