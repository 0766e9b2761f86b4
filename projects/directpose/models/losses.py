"""Losses that mmdet has only with a compiled operator on the GPU."""

from mmdet.registry import MODELS
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
