from .classwise_metric import ClasswiseCocoMetric
from .coco_metrics import PersonBoxMetric
from .matched_pck import MatchedPCK
from .submission import CocoSubmission

__all__ = ['ClasswiseCocoMetric', 'CocoSubmission', 'MatchedPCK', 'PersonBoxMetric']
