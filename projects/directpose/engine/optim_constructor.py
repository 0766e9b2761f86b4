"""Optimiser constructor with few parameter groups."""

from mmengine.optim import DefaultOptimWrapperConstructor
from mmpose.registry import OPTIM_WRAPPER_CONSTRUCTORS
from torch import nn


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class MergedOptimWrapperConstructor(DefaultOptimWrapperConstructor):
    """mmengine's constructor, which makes a group of each parameter, with like groups merged.

    Optimisers update the parameters of a group together; on a GPU hundreds of groups are thousands
    of small kernels.
    """

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
