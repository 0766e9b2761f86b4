"""What losses are divided by."""

from mmdet.utils import reduce_mean
from mmengine.dist import get_world_size
from torch import Tensor


def normaliser(count: Tensor) -> Tensor:
    """The mean count over the processes, of at least 1 in all of them together.

    With it, the mean over the processes of their sums of losses is what one process would get
    from all of their images.

    Args:
        count (): of this process, for example its positives.
    """
    return reduce_mean(count.float()).clamp(min=1 / get_world_size())
