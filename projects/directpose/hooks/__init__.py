"""Hooks of mmengine's runner."""

from . import check_data, epoch_seed, finite_loss, whole_checkpoints

__all__ = ['check_data', 'epoch_seed', 'finite_loss', 'whole_checkpoints']
