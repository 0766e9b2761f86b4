"""DirectPose as an mmdet detector."""

from mmdet.models.detectors import SingleStageDetector
from mmdet.registry import MODELS
from mmengine.structures import InstanceData
from torch import Tensor


@MODELS.register_module()
class DirectPose(SingleStageDetector):
    """Direct end-to-end multi-person pose estimation (Tian, Chen and Shen, 2019).

    Args:
        heatmap_head: config of the training-only heatmap branch on the finest level, or None.
        kwargs: backbone, neck, bbox_head, train_cfg, test_cfg, data_preprocessor, init_cfg of
            :class:`mmdet.models.SingleStageDetector`.
    """

    def __init__(self, heatmap_head: dict | None = None, **kwargs) -> None:
        super().__init__(**kwargs)
        if heatmap_head is not None:
            self.heatmap_head = MODELS.build(heatmap_head)

    def loss(self, batch_inputs: Tensor, batch_data_samples: list) -> dict[str, Tensor]:
        """Losses of the head and of the heatmap branch for images (B, 3, H, W)."""
        feats = self.extract_feat(batch_inputs)
        losses = self.bbox_head.loss(feats, batch_data_samples)
        if hasattr(self, 'heatmap_head'):
            losses.update(self.heatmap_head.loss(feats[0], batch_data_samples))
        return losses

    def add_pred_to_datasample(self, data_samples: list, results_list: list[InstanceData]) -> list:
        """Put the people into ``pred_instances``, as the arrays mmpose's metrics take."""
        for sample, people in zip(data_samples, results_list, strict=True):
            sample.pred_instances = people.numpy()
        return data_samples
