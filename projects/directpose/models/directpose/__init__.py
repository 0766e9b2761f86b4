from .detector import DirectPose
from .head import DirectPoseHead
from .heatmap_head import KeypointHeatmapHead
from .kpt_predictors import KeypointConv, KPAlign, SharedKPAlign
from .targets import FoundKeypoints, LabelledKeypoints

__all__ = [
    'DirectPose',
    'DirectPoseHead',
    'FoundKeypoints',
    'KPAlign',
    'KeypointConv',
    'KeypointHeatmapHead',
    'LabelledKeypoints',
    'SharedKPAlign',
]
