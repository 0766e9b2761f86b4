"""A common view of the detectors that a benchmark compares."""

import contextlib
from collections.abc import Callable, Iterator

import torch
from mmdet.models.detectors import SingleStageDetector, TwoStageDetector
from mmdet.models.roi_heads import StandardRoIHead
from mmpose.models import BottomupPoseEstimator
from torch import nn

from ..models import KeypointRoIHead

SINGLE_ROI_HEADS = (StandardRoIHead, KeypointRoIHead)


class OneStage:
    """A one-stage detector of mmdet or mmpose.

    Args:
        model: the detector, compiled or not.
    """

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self.of_mmdet = hasattr(model, 'bbox_head')
        self.head = model.bbox_head if self.of_mmdet else model.head
        self.options = self.head.test_cfg if self.of_mmdet else model.test_cfg

    def parts(self) -> dict[str, list[nn.Module]]:
        """Modules whose calls count as a part: the layers are all modules without children."""
        layers = [m for m in self.head.modules() if not list(m.children())]
        return dict(head_layers=layers)

    def run_layers(self, data: dict) -> None:
        """Run every layer on a batch."""
        self.head(self.model.extract_feat(data['inputs']))

    def count_candidates(self, data: dict) -> Callable[[float], int]:
        """How many candidates of the first image reach the suppression at a score threshold."""
        feats = self.model.extract_feat(data['inputs'][:1])
        outs, samples = self.head(feats), data['data_samples'][:1]
        arguments = {} if self.of_mmdet else dict(test_cfg=self.options)

        def count(threshold: float) -> int:
            self.head.forward = lambda *_: outs
            try:
                with unlimited(self.options, threshold):
                    return len(self.head.predict(feats, samples, **arguments)[0].bboxes)
            except UnboundLocalError:  # of mmpose's RTMOHead, where it finds nobody
                return 0
            finally:
                del self.head.forward

        return count


class TwoStage:
    """A two-stage detector of mmdet.

    Args:
        model: the detector, compiled or not.
    """

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self.options = model.roi_head.test_cfg

    def parts(self) -> dict[str, list[nn.Module]]:
        """Modules whose calls count as a part."""
        head = self.model.roi_head
        branches = [name for name in ('bbox', 'mask', 'keypoint') if hasattr(head, f'{name}_head')]
        extractors = [getattr(head, f'{name}_roi_extractor') for name in branches]
        layers = {f'{name}_head': [getattr(head, f'{name}_head')] for name in branches}
        return dict(rpn_layers=[self.model.rpn_head], roi_features=extractors, **layers)

    def run_layers(self, data: dict) -> None:
        """Run every layer on a batch."""
        self.model(**data, mode='predict')

    def count_candidates(self, data: dict) -> Callable[[float], int]:
        """How many boxes of the first image reach the suppression at a score threshold."""
        samples = data['data_samples'][:1]
        feats = self.model.extract_feat(data['inputs'][:1])
        proposals = self.model.rpn_head.predict(feats, samples, rescale=False)
        metas = [sample.metainfo for sample in samples]
        with unlimited(self.options, -1.0):
            found = self.model.roi_head.predict_bbox(feats, metas, proposals, self.options)
        return lambda threshold: int((found[0].scores > threshold).sum())


def detector_of(model: nn.Module) -> OneStage | TwoStage | None:
    """The view of a model, or None if it does not find people by boxes or points with scores."""
    kind = getattr(model, '_orig_mod', model)
    if isinstance(kind, TwoStageDetector):
        # A cascade has several heads of a kind, and is not measured.
        detector = TwoStage(model) if type(kind.roi_head) in SINGLE_ROI_HEADS else None
    elif isinstance(kind, SingleStageDetector | BottomupPoseEstimator):
        detector = OneStage(model)
    else:
        detector = None
    return detector if detector and 'score_thr' in detector.options else None


@contextlib.contextmanager
def unlimited(options: dict, threshold: float) -> Iterator[None]:
    """All candidates above a score come out: no suppression, no limit."""
    kept = dict(options)
    iou = 1 - 1e-6  # RTMOHead cannot do without suppression
    limits = dict(iou_thr=iou, nms_thr=iou, max_per_img=10**6)
    limits['nms'] = dict(type='nms', iou_threshold=iou)
    options.update({key: value for key, value in limits.items() if key in options})
    options['score_thr'] = threshold
    try:
        yield
    finally:
        options.clear()
        options.update(kept)


@torch.no_grad()
def find_threshold(model: nn.Module, data: dict, wanted: int) -> tuple[int, float]:
    """The score threshold at which ``wanted`` candidates of an image reach the suppression.

    Returns:
        How many really do (an image has not more points, and levels may keep a limited number),
        and the threshold.
    """
    count = detector_of(model).count_candidates(data)
    low, high = 0.0, 1.0
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (middle, high) if count(middle) > wanted else (low, middle)
    return count(high), high
