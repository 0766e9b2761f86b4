"""Hooks of mmengine's runner."""

from . import bad_cases, check_data, epoch_seed, finite_loss, whole_checkpoints

__all__ = ['bad_cases', 'check_data', 'epoch_seed', 'finite_loss', 'whole_checkpoints']
