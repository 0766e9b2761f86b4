"""Following people through a video: their numbers, and poses that do not tremble.

Legend of dimensions:
    N people of a frame, K keypoints.
"""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import torch
from mmengine.structures import InstanceData
from mmpose.structures import PoseDataSample
from scipy.optimize import linear_sum_assignment
from torch import nn
from torchvision.ops import box_iou

from ..utils.similarity import areas_in_boxes, keypoint_similarities
from .inference import detect


def follow(
    model: nn.Module,
    frames: Iterable[np.ndarray],
    score_thr: float,
    tracker: 'PeopleTracker',
    smoother: 'PoseSmoother | None' = None,
) -> Iterator[tuple[np.ndarray, PoseDataSample, list[int]]]:
    """Each frame (H, W, 3), BGR, of a video, the people in it, and their numbers.

    Args:
        model: see :func:`~directpose.apis.load_model`.
        frames: of the video.
        score_thr: of the people.
        tracker: a new one for each video, and so the smoother, if there is one.
    """
    for frame in frames:
        sample = detect(model, frame, score_thr)
        people = sample.pred_instances
        ids = tracker.track(people)
        if smoother is not None:
            people.keypoints = smoother.smooth(ids, people.keypoints)
        yield frame, sample, ids


class PeopleTracker:
    """Give people the same number from frame to frame, by their boxes.

    Each frame's people are matched to the last sight of known people such that the sum of
    similarities is largest. It has no model of appearance or motion: who is lost for longer gets a
    new number.

    Args:
        least: similarity of somebody in two frames; here the IoU of the boxes.
        patience: frames after which somebody unseen is forgotten.
    """

    def __init__(self, least: float = 0.2, patience: int = 15) -> None:
        self.least = least
        self.patience = patience
        self._next_id = 0
        # id -> (sight, class, frames since then)
        self._known: dict[int, tuple[np.ndarray, int, int]] = {}

    def track(self, people: InstanceData) -> list[int]:
        """Numbers of the people that :func:`~directpose.apis.detect` found in the next frame."""
        return self.update(people.bboxes, people.labels)

    def update(self, sights: np.ndarray, labels: np.ndarray | None = None) -> list[int]:
        """Numbers of the people with boxes (N, 4) xyxy, and classes (N,), in the next frame."""
        labels = np.zeros(len(sights), int) if labels is None else labels
        ids: list = [None] * len(sights)
        known = list(self._known)
        if ids and known:
            last = np.stack([self._known[i][0] for i in known])
            similar = self.similarities(sights.astype(np.float64), last)
            similar *= labels[:, None] == [self._known[i][1] for i in known]
            for new, old in zip(*linear_sum_assignment(-similar), strict=True):
                if similar[new, old] >= self.least:
                    ids[new] = known[old]
        for number, found in enumerate(ids):
            if found is None:
                ids[number], self._next_id = self._next_id, self._next_id + 1
        aged = {
            i: (sight, label, age + 1)
            for i, (sight, label, age) in self._known.items()
            if age < self.patience
        }
        sights = sights.astype(np.float64)
        seen = {i: (sights[n], int(labels[n]), 0) for n, i in enumerate(ids)}
        self._known = aged | seen
        return ids

    def similarities(self, new: np.ndarray, last: np.ndarray) -> np.ndarray:
        """IoU of each of N boxes with each of M others, (N, M)."""
        # 0 / 0 of boxes without an area: of people beyond the edge of the picture
        return box_iou(torch.from_numpy(new), torch.from_numpy(last)).nan_to_num().numpy()


class PoseTracker(PeopleTracker):
    """:class:`PeopleTracker` by the OKS of poses, which differ where boxes are the same.

    Args:
        sigmas (K,): of the keypoints.
        kwargs: of :class:`PeopleTracker`; ``least`` is the OKS.
    """

    # Between two frames a step moves feet and hands by more than annotators disagree.
    tolerance = 2.0
    narrowest = 0.1  # area of a pose, as a share of the square of its longer side

    def __init__(self, sigmas: Sequence[float], **kwargs) -> None:
        super().__init__(**kwargs)
        self.sigmas = self.tolerance * torch.tensor(sigmas, dtype=torch.float64)

    def track(self, people: InstanceData) -> list[int]:
        """See :meth:`PeopleTracker.track`."""
        return self.update(people.keypoints, people.labels)

    def similarities(self, new: np.ndarray, last: np.ndarray) -> np.ndarray:
        """OKS of each of N poses (N, K, 2) with each of M others, (N, M)."""
        poses, known = torch.from_numpy(new), torch.from_numpy(last)
        areas = areas_in_boxes(torch.cat([known.amin(1), known.amax(1)], 1))
        # Keypoints on a line have an extent too.
        longest = (known.amax(1) - known.amin(1)).amax(-1)
        areas = areas.maximum(self.narrowest * longest.square())
        return keypoint_similarities(poses[:, None], known, areas, self.sigmas).mean(-1).numpy()


class PoseSmoother:
    """Steady poses without a lag that is seen: a one-euro filter for each keypoint.

    (Casiez, Roussel and Vogel, CHI 2012.) Each coordinate passes a low-pass filter whose cut-off
    frequency is ``min_cutoff + beta * speed``: what stands still is steady, what is quick is quick.
    The speed is in heights of the person a second, so it does not depend on the size of pictures.

    Args:
        fps: frames a second.
        min_cutoff: in Hz.
        beta: in Hz for a height a second.
        speed_cutoff: in Hz, of the filter of the speed.
        patience: frames after which somebody unseen begins anew.
    """

    def __init__(
        self,
        fps: float,
        min_cutoff: float = 1.5,
        beta: float = 12.0,
        speed_cutoff: float = 2.0,
        patience: int = 15,
    ) -> None:
        self.fps = fps
        self.min_cutoff = min_cutoff
        self.beta = beta
        self.speed_cutoff = speed_cutoff
        self.patience = patience
        self._frame = 0
        # id -> (frame, keypoints (K, 2), speeds (K, 2)), as they were last
        self._known: dict[int, tuple[int, np.ndarray, np.ndarray]] = {}

    def smooth(self, ids: Sequence[int], keypoints: np.ndarray) -> np.ndarray:
        """Keypoints (N, K, 2) of the people with these numbers in the next frame, steadied."""
        self._frame += 1
        smoothed = [
            self._one(number, points) for number, points in zip(ids, keypoints, strict=True)
        ]
        return np.array(smoothed, keypoints.dtype).reshape(keypoints.shape)

    def _one(self, number: int, points: np.ndarray) -> np.ndarray:
        frame, last, speeds = self._known.get(number, (-np.inf, points, np.zeros_like(points)))
        if self._frame - frame > self.patience:
            last, speeds, frame = points, np.zeros_like(points), self._frame - 1
        seconds = (self._frame - frame) / self.fps
        height = max(float(np.ptp(points, 0).max()), 1.0)
        measured = (points - last) / (height * seconds)
        speeds = speeds + smoothing_factor(self.speed_cutoff, seconds) * (measured - speeds)
        steady = last + smoothing_factor(self.min_cutoff + self.beta * np.abs(speeds), seconds) * (
            points - last
        )
        self._known[number] = self._frame, steady, speeds
        return steady


def smoothing_factor(cutoff, seconds: float):
    """How much a new value counts in a low-pass filter of a cut-off in Hz, after some time."""
    return 1 / (1 + 1 / (2 * np.pi * cutoff * seconds))
