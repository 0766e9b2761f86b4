from .classwise_metric import ClasswiseCocoMetric
from .matched_pck import MatchedPCK
from .person_box_metric import PersonBoxMetric
from .submission import CocoSubmission

__all__ = ['ClasswiseCocoMetric', 'CocoSubmission', 'MatchedPCK', 'PersonBoxMetric']
