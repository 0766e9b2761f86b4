"""Detectors in operations that ONNX has, from pixels to people.

Legend of dimensions:
    B images, N people of all of them, K keypoints.
"""

import torch
from mmcv.cnn import fuse_conv_bn
from mmengine.model import BaseModel
from torch import Tensor, nn


class Exportable(nn.Module):
    """A detector for images of any number and size.

    Args:
        model: on the CPU; its batch normalisation is fused, in place.
    """

    def __init__(self, model: BaseModel) -> None:
        super().__init__()
        self.model = fuse_conv_bn(model.eval())
        preprocessor = model.data_preprocessor
        self.register_buffer('mean', preprocessor.get_buffer('mean'))
        self.register_buffer('std', preprocessor.get_buffer('std'))
        self.swaps_channels = swaps_channels(preprocessor)

    def forward(self, images: Tensor, sizes: Tensor) -> tuple[Tensor, ...]:
        """Detect people.

        Args:
            images (B, 3, H, W): float32, BGR, 0 to 255; H and W are multiples of 32, what an image
                does not fill has the colour of the padding, as the preprocessor has it.
            sizes (B, 2): int64, height and width of the part that each image fills.

        Returns:
            image_inds (N,) int64; boxes (N, 4) xyxy; scores (N,); labels (N,) int64; keypoints
            (N, K, 3): x, y, score. In network-input pixels; with suppression, the best come first.
        """
        if self.swaps_channels:
            images = images.flip(1)
        return self.detect(self.model.extract_feat((images - self.mean) / self.std), sizes)

    def detect(self, feats: tuple[Tensor, ...], sizes: Tensor) -> tuple[Tensor, ...]:
        """The same from feature maps."""
        raise NotImplementedError


class ExportableDirectPose(Exportable):
    """The people that :meth:`DirectPoseHead.predict` gives.

    Args:
        model: a DirectPose on the CPU; its batch normalisation is fused, in place.
        with_nms: suppress overlapping people; without, all candidates come out.
    """

    def __init__(self, model: BaseModel, with_nms: bool = True) -> None:
        super().__init__(model)
        self.with_nms = with_nms

    def detect(self, feats: tuple[Tensor, ...], sizes: Tensor) -> tuple[Tensor, ...]:
        """People from feature maps, see :meth:`forward`."""
        head = self.model.bbox_head
        people = head.decode(head(feats), sizes)
        if self.with_nms:
            people = head.suppress(people, sizes)
        keypoints = torch.cat((people.keypoints, people.keypoint_scores[..., None]), -1)
        return people.batch_inds, people.bboxes, people.scores, people.labels, keypoints


def swaps_channels(preprocessor: nn.Module) -> bool:
    """Whether a data preprocessor turns BGR into RGB; mmengine has no public name for it."""
    return bool(preprocessor._channel_conversion)
