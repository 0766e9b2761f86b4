"""Tracking people through a video."""

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torchvision.ops import box_iou


class PeopleTracker:
    """Give people the same number from frame to frame, for their colours.

    Each frame's boxes are matched to the last boxes of known people such that the sum of IoUs
    is largest. It has no model of appearance or motion: who is lost for longer gets a new number.

    Args:
        min_iou: of the boxes of a person in two frames.
        patience: frames after which somebody unseen is forgotten.
    """

    def __init__(self, min_iou: float = 0.2, patience: int = 15) -> None:
        self.min_iou = min_iou
        self.patience = patience
        self._next_id = 0
        self._known: dict[int, tuple[np.ndarray, int]] = {}  # id -> (box, frames since it was seen)

    def update(self, bboxes: np.ndarray) -> list[int]:
        """Numbers of the people with boxes (N, 4) xyxy in the next frame."""
        ids: list = [None] * len(bboxes)
        known = list(self._known)
        if ids and known:
            last = torch.from_numpy(np.stack([self._known[i][0] for i in known]))
            ious = box_iou(torch.as_tensor(bboxes, dtype=last.dtype), last).numpy()
            for new, old in zip(*linear_sum_assignment(-ious), strict=True):
                if ious[new, old] >= self.min_iou:
                    ids[new] = known[old]
        for number, found in enumerate(ids):
            if found is None:
                ids[number], self._next_id = self._next_id, self._next_id + 1
        aged = {i: (box, age + 1) for i, (box, age) in self._known.items() if age < self.patience}
        seen = {i: (box, 0) for i, box in zip(ids, bboxes.astype(np.float64), strict=True)}
        self._known = aged | seen
        return ids
