from .coco_metrics import ClasswiseCocoMetric, MatchedPCK, PersonBoxMetric
from .submission import CocoSubmission

__all__ = ['ClasswiseCocoMetric', 'CocoSubmission', 'MatchedPCK', 'PersonBoxMetric']
