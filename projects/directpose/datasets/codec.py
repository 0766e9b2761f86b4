"""Codec for the labels of a training sample."""

import numpy as np
from mmpose.codecs import YOLOXPoseAnnotationProcessor
from mmpose.registry import KEYPOINT_CODECS


@KEYPOINT_CODECS.register_module()
class InstanceLabelCodec(YOLOXPoseAnnotationProcessor):
    """What ``GenerateTarget`` packs of each person: box, label, keypoints, visibility and area.

    mmpose's codec with labels of 64 bits; its own have 8, and the 128th class becomes a negative
    one.
    """

    def encode(self, *args, category_id: list[int] | None = None, **kwargs) -> dict:
        """Labels (G,) = ``category_id`` - 1, beside what the parent gives."""
        encoded = super().encode(*args, **kwargs)
        if category_id is not None:
            encoded['bbox_labels'] = np.asarray(category_id, dtype=np.int64) - 1
        return encoded
