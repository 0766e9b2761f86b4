"""Losses and their normalisation."""

from mmdet.registry import MODELS
from mmdet.utils import reduce_mean
from mmengine.dist import get_world_size
from torch import Tensor, nn
from torchvision.ops import sigmoid_focal_loss


@MODELS.register_module()
class SigmoidFocalLoss(nn.Module):
    """Focal loss on logits with dense 0/1 targets, in plain PyTorch on every device.

    Args:
        alpha, gamma: as in the focal-loss paper.
        loss_weight: weight of the loss.
    """

    def __init__(self, alpha: float = 0.25, gamma: float = 2.0, loss_weight: float = 1.0) -> None:
        super().__init__()
        self.alpha = alpha
        self.gamma = gamma
        self.loss_weight = loss_weight

    def forward(
        self, logits: Tensor, targets: Tensor, weight: Tensor | float = 1.0, *, avg_factor: Tensor
    ) -> Tensor:
        """The weighted sum over all elements, divided by ``avg_factor``.

        Args:
            logits (...): any shape.
            targets (...): of the same shape, in [0, 1].
            weight: broadcasts to that shape.
        """
        loss = sigmoid_focal_loss(logits, targets, self.alpha, self.gamma)
        return self.loss_weight * (weight * loss).sum() / avg_factor


def reduce_avg_factor(count: Tensor) -> Tensor:
    """The mean count over the processes, of at least 1 in all of them together.

    With it, the mean over the processes of their sums of losses is what one process would get
    from all of their images.

    Args:
        count (): of this process, for example its positives.
    """
    return reduce_mean(count.float()).clamp(min=1 / get_world_size())
