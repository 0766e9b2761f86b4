from .detector import DirectPose
from .head import DirectPoseHead
from .heatmap_head import KeypointHeatmapHead
from .keypoint_conv import KeypointConv
from .kpalign import KPAlign, SharedKPAlign
from .losses import SigmoidFocalLoss

__all__ = [
    'DirectPose',
    'DirectPoseHead',
    'KPAlign',
    'KeypointConv',
    'KeypointHeatmapHead',
    'SharedKPAlign',
    'SigmoidFocalLoss',
]
