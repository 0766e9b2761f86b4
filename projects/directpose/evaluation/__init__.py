from .coco_metrics import ClasswiseCocoMetric, FastCocoMetric, MatchedPCK, PersonBoxMetric
from .submission import CocoSubmission

__all__ = [
    'ClasswiseCocoMetric',
    'CocoSubmission',
    'FastCocoMetric',
    'MatchedPCK',
    'PersonBoxMetric',
]
