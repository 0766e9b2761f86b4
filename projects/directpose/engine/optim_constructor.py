"""Optimiser constructor with few parameter groups."""

import difflib

from mmengine.optim import DefaultOptimWrapperConstructor, OptimWrapper
from mmengine.registry import OPTIMIZERS
from mmpose.registry import OPTIM_WRAPPER_CONSTRUCTORS
from torch import nn

from ..utils.errors import InputError


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class MergedOptimWrapperConstructor(DefaultOptimWrapperConstructor):
    """mmengine's constructor, which makes a group of each parameter, with like groups merged.

    Optimisers update the parameters of a group together; on a GPU hundreds of groups are thousands
    of small kernels.
    """

    def __call__(self, model: nn.Module) -> OptimWrapper:
        """The wrapped optimiser of a model.

        Raises:
            InputError: there is no such optimiser.
        """
        kind = self.optimizer_cfg.get('type')
        with OPTIMIZERS.switch_scope_and_registry(None) as registry:
            unknown = isinstance(kind, str) and registry.get(kind) is None
        if unknown:
            similar = difflib.get_close_matches(kind, OPTIMIZERS.module_dict, 1)
            hint = f'; did you mean {similar[0]}?' if similar else ''
            raise InputError(f'optim_wrapper.optimizer: there is no optimiser {kind}{hint}')
        return super().__call__(model)

    def add_params(self, params: list[dict], module: nn.Module, prefix: str = '', **kwargs) -> None:
        """Add the parameters of a module, and in the end merge groups of equal options.

        Args:
            params: groups, changed in place.
            module: its parameters are added, those of its children as well.
            prefix: name of the module, empty for the whole model.
            kwargs: of mmengine's constructor.
        """
        super().add_params(params, module, prefix, **kwargs)
        if not prefix:
            merge_groups(params)


def merge_groups(groups: list[dict]) -> None:
    """Merge groups whose options are equal, in place; the order of their first ones stays."""
    merged: dict[tuple, dict] = {}
    for group in groups:
        options = tuple(sorted((key, value) for key, value in group.items() if key != 'params'))
        merged.setdefault(options, {**group, 'params': []})['params'] += group['params']
    groups[:] = merged.values()
