"""Similarity of keypoints: what COCO's OKS is the mean of.

Legend of dimensions:
    N people, K keypoints.
"""

from torch import Tensor

# A keypoint counts as found where its similarity to the truth is at least this, COCO's loosest.
FOUND = 0.5
# Area of a person as a share of the area of its box, as mmpose has it for sets without areas.
BOX_FILL = 0.53


def areas_in_boxes(bboxes: Tensor) -> Tensor:
    """Areas (N,) of people in boxes (N, 4) xyxy, in square pixels, as far as boxes tell."""
    return BOX_FILL * (bboxes[:, 2:] - bboxes[:, :2]).clamp(min=1).prod(1)


def keypoint_similarities(
    keypoints: Tensor, truth: Tensor, areas: Tensor, sigmas: Tensor
) -> Tensor:
    """exp(-d^2 / (8 sigma^2 area)), COCO's similarity of a keypoint: (N, K), in [0, 1].

    Args:
        keypoints, truth (N, K, 2): (x, y), in pixels; more dimensions in front broadcast.
        areas (N,): of the true people, in square pixels.
        sigmas (K,): spread of each keypoint among annotators, as a share of the person's size.
    """
    distances = (keypoints - truth).square().sum(-1)
    return (-distances / (8 * sigmas**2 * areas.clamp(min=1)[..., None])).exp()


def object_keypoint_similarities(
    keypoints: Tensor, truth: Tensor, visible: Tensor, areas: Tensor, sigmas: Tensor
) -> Tensor:
    """COCO's OKS (N,): the mean similarity of the labelled keypoints, 0 where there is none.

    Args:
        keypoints, truth, areas, sigmas: see :func:`keypoint_similarities`.
        visible (N, K): 1 where a keypoint is labelled, 0 elsewhere.
    """
    similarities = keypoint_similarities(keypoints, truth, areas, sigmas)
    return (similarities * visible).sum(-1) / visible.sum(-1).clamp(min=1)
