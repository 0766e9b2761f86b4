from ..losses import SigmoidFocalLoss
from .detector import DirectPose
from .head import DirectPoseHead
from .heatmap_head import KeypointHeatmapHead
from .keypoint_conv import KeypointConv
from .kpt_predictors import KPAlign, SharedKPAlign

__all__ = [
    'DirectPose',
    'DirectPoseHead',
    'KPAlign',
    'KeypointConv',
    'KeypointHeatmapHead',
    'SharedKPAlign',
    'SigmoidFocalLoss',
]
