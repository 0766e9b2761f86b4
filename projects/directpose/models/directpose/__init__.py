from .assigner import CenterAssigner, OKSAssigner
from .detector import DirectPose
from .head import DirectPoseHead
from .head_v2 import DirectPoseV2Head
from .heatmap_head import KeypointHeatmapHead
from .iterated_kpalign import IteratedKPAlign
from .kpt_predictors import KeypointConv, KPAlign, SharedKPAlign
from .targets import FoundKeypoints, LabelledKeypoints, OKSLoss

__all__ = [
    'CenterAssigner',
    'DirectPose',
    'DirectPoseHead',
    'DirectPoseV2Head',
    'FoundKeypoints',
    'IteratedKPAlign',
    'KPAlign',
    'KeypointConv',
    'KeypointHeatmapHead',
    'LabelledKeypoints',
    'OKSAssigner',
    'OKSLoss',
    'SharedKPAlign',
]
