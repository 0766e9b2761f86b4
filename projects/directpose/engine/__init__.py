"""Hooks, optimiser wrapper, runner and distributed helpers."""

from .bad_case_hook import BadCaseHook
from .checkpoint_hook import WholeCheckpointHook
from .inference_hooks import OptimizeForInferenceHook, PoseTTAHook
from .loss_hook import FiniteLossHook
from .optim_constructor import MergedOptimWrapperConstructor
from .optim_wrapper import BFloat16OptimWrapper
from .runner import ConsoleRunner
from .seed_hook import EpochSeedHook
from .train_loop import ResumableIterTrainLoop
from .validation_hook import CheckDataHook

__all__ = [
    'BFloat16OptimWrapper',
    'BadCaseHook',
    'CheckDataHook',
    'ConsoleRunner',
    'EpochSeedHook',
    'FiniteLossHook',
    'MergedOptimWrapperConstructor',
    'OptimizeForInferenceHook',
    'PoseTTAHook',
    'ResumableIterTrainLoop',
    'WholeCheckpointHook',
]
