from .detector import DirectPose
from .head import DirectPoseHead
from .heatmap_head import KeypointHeatmapHead
from .kpt_predictors import KeypointConv, KPAlign, SharedKPAlign

__all__ = [
    'DirectPose',
    'DirectPoseHead',
    'KPAlign',
    'KeypointConv',
    'KeypointHeatmapHead',
    'SharedKPAlign',
]
