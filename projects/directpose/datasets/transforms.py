"""Geometry of one-stage training and testing where mmpose's transforms do not fit.

mmpose maps images with ``cv2.warpAffine``, which works on pixel *indices*, and so do its
keypoints. The transforms here keep to that: one warp by a scale s and a shift, under which a
keypoint x becomes exactly ``s * x - shift`` and comes back without a rounding of sizes.
"""

import os.path as osp
from collections.abc import Sequence

import cv2
import numpy as np
from mmcv.transforms import BaseTransform, TestTimeAug
from mmcv.transforms.utils import cache_randomness
from mmpose.datasets.transforms import LoadImage
from mmpose.registry import TRANSFORMS

from ..utils.errors import InputError, StorageError
from ..utils.images import image_problem


def keep_ratio_scale(img_shape: tuple[int, int], short_side: float, long_side: float) -> float:
    """The scale that brings the short side to ``short_side``, the long one to no more than
    ``long_side``, in pixels, for an image of shape (h, w)."""
    return min(short_side / min(img_shape), long_side / max(img_shape))


def warp_image(results: dict, scale: float, corner: np.ndarray, size: tuple[int, int]) -> None:
    """Scale the image and cut out a window, in one warp.

    Args:
        results: with ``img``; gets ``img_shape``, ``input_size``, ``input_center`` and
            ``input_scale``, the way back as :func:`to_original_pixels` takes it.
        scale: network-input pixels per image pixel.
        corner (2,): (x, y) of the window in the scaled image.
        size: (w, h) of the window.
    """
    matrix = np.array([[scale, 0, -corner[0]], [0, scale, -corner[1]]], dtype=np.float64)
    results['img'] = cv2.warpAffine(
        results['img'], matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    results['img_shape'] = size[::-1]
    results['input_size'] = size
    results['input_scale'] = np.array(size, dtype=np.float64) / scale
    results['input_center'] = (corner + np.array(size, dtype=np.float64) / 2) / scale


def warp_annotations(
    results: dict, scale: float, corner: np.ndarray, size: tuple[int, int]
) -> None:
    """Take the people along: keypoints that leave the window become unlabelled.

    Args:
        results: with ``keypoints`` (G, K, 2), ``keypoints_visible`` (G, K), ``bbox`` (G, 4)
            xyxy and ``area`` (G,), in image pixels; then in network-input pixels.
        scale, corner, size: as for :func:`warp_image`.
    """
    corner, size = np.float32(corner), np.float32(size)
    keypoints = results['keypoints'] * np.float32(scale) - corner
    inside = ((keypoints >= 0) & (keypoints < size)).all(-1)
    boxes = results['bbox'] * np.float32(scale) - np.tile(corner, 2)
    results['keypoints'] = keypoints
    results['keypoints_visible'] = results['keypoints_visible'] * inside
    results['bbox'] = boxes.clip(0, np.tile(size, 2))
    results['area'] = results['area'] * scale**2


@TRANSFORMS.register_module()
class LoadImageFile(LoadImage):
    """mmpose's loader, which says in a sentence what is wrong with a file."""

    def transform(self, results: dict) -> dict:
        """Set ``img`` (H, W, 3), BGR, ``img_shape`` and ``ori_shape``.

        Raises:
            InputError: the file is missing, empty, or no image that OpenCV reads.
            StorageError: it cannot be read now.
        """
        path = str(results.get('img_path') or 'the image')
        try:
            return super().transform(results)
        except Exception as error:  # of many kinds, by the backend and what is wrong
            if self.backend_args or '://' in path:
                raise InputError(f'{path} cannot be read ({error})') from error
            problem = image_problem(path) if osp.exists(path) else 'does not exist'
            if problem is None and isinstance(error, OSError):
                raise StorageError(f'{path} could not be read ({error}): call again') from error
            problem = problem or 'is not an image that OpenCV reads'
            raise InputError(f'{path} {problem}; restore it or leave it out') from error


@TRANSFORMS.register_module()
class ResizeKeepRatio(BaseTransform):
    """Resize the image by its short side, with a limit on the long side, for testing.

    Like mmpose's ``BottomupResize`` it leaves annotations in pixels of the original image,
    where metrics and pictures want them.

    Args:
        short_side, long_side: in pixels.
    """

    def __init__(self, short_side: int = 800, long_side: int = 1333) -> None:
        self.short_side = short_side
        self.long_side = long_side

    def transform(self, results: dict) -> dict:
        """Resize ``img``; see :func:`warp_image`."""
        shape = results['img'].shape[:2]
        scale = keep_ratio_scale(shape, self.short_side, self.long_side)
        size = tuple(max(1, round(side * scale)) for side in shape[::-1])
        warp_image(results, scale, np.zeros(2), size)
        return results


@TRANSFORMS.register_module()
class ResizePixelAreas(ResizeKeepRatio):
    """:class:`ResizeKeepRatio` for weights trained with detectron2 or a program like it.

    There, pixel (j, i) covers the square from (j, i) to (j + 1, i + 1), an image is resized by its
    area, and a COCO keypoint (x, y) is the point (x + 0.5, y + 0.5). So what the network finds
    comes back 0.5 pixels of the original image smaller than its place in that image.
    """

    keypoint_shift = 0.5
    rounding = 0.5

    def transform(self, results: dict) -> dict:
        """Resize ``img``; the way back is as :func:`to_original_pixels` takes it."""
        height, width = results['img'].shape[:2]
        scale = keep_ratio_scale((height, width), self.short_side, self.long_side)
        size = tuple(max(1, int(side * scale + self.rounding)) for side in (width, height))
        results['img'] = cv2.resize(results['img'], size, interpolation=cv2.INTER_LINEAR)
        results['img_shape'] = size[::-1]
        results['input_size'] = size
        results['input_scale'] = np.array((width, height), dtype=np.float64)
        results['input_center'] = results['input_scale'] / 2 - self.keypoint_shift
        return results


@TRANSFORMS.register_module()
class ResizeTorchvision(ResizePixelAreas):
    """:class:`ResizePixelAreas` for weights trained with torchvision.

    It rounds sizes down, and takes COCO's keypoints as they are.
    """

    keypoint_shift = 0.0
    rounding = 0.0


@TRANSFORMS.register_module()
class RandomScaleCrop(BaseTransform):
    """Resize the image to a random short side and cut out a random window with somebody in it.

    The window holds the centre of the box of a random person, as in GluonCV and detectron2: with
    the centre c, the side S of the scaled image and the side C of the window, its corner is a
    uniform integer from ``max(floor(c) - C, 0)`` to ``min(max(S - C, 0), ceil(c))``, for each axis.
    Only the window is computed, so that a large scale costs no more than a small one.

    Args:
        short_side: range (low, high) of the short side, in pixels, sampled uniformly.
        long_side: limit of the long side.
        crop_size: (w, h) of the window; smaller where the scaled image is.
    """

    def __init__(
        self,
        short_side: tuple[int, int] = (480, 1600),
        long_side: int = 2666,
        crop_size: tuple[int, int] = (800, 800),
    ) -> None:
        self.short_side = short_side
        self.long_side = long_side
        self.crop_size = crop_size

    @cache_randomness
    def _sample(self) -> np.ndarray:
        """Uniform in [0, 1): the short side, the person and the corner (x, y) of the window."""
        return np.random.rand(4)

    def transform(self, results: dict) -> dict:
        """Scale and crop ``img`` and what is annotated in it; see :func:`warp_image`."""
        shape = results['img'].shape[:2]
        side, person, *place = self._sample()
        low, high = self.short_side
        scale = keep_ratio_scale(shape, low + (high - low) * side, self.long_side)
        scaled = np.array([max(1, round(side * scale)) for side in shape[::-1]])
        size = np.minimum(scaled, self.crop_size)
        low, high = np.zeros(2), scaled - size
        boxes = results['bbox'][labelled_people(results)]
        if len(boxes):
            box = boxes[int(person * len(boxes))]
            center = (box[:2] + box[2:]) / 2 * scale
            low = np.maximum(np.floor(center) - size, low)
            high = np.minimum(np.ceil(center), high)
        corner = np.floor(low + place * (high - low + 1))
        size = tuple(map(int, size))
        warp_image(results, scale, corner, size)
        warp_annotations(results, scale, corner, size)
        return results


def labelled_people(results: dict) -> np.ndarray:
    """Who has a labelled keypoint and a box that is not empty: (G,) bool.

    Args:
        results: with ``keypoints_visible`` (G, K) and ``bbox`` (G, 4) xyxy.
    """
    boxes = results['bbox']
    return (results['keypoints_visible'] > 0).any(1) & (boxes[:, 2:] > boxes[:, :2]).all(1)


@TRANSFORMS.register_module()
class IgnoreCrowds(BaseTransform):
    """Make the keypoints of crowd regions unlabelled, so that they never become positives."""

    def transform(self, results: dict) -> dict:
        """Clear ``keypoints_visible`` (G, K) where ``iscrowd`` (G,) is set."""
        crowd = np.asarray(results['iscrowd'], dtype=bool)
        results['keypoints_visible'] = results['keypoints_visible'] * ~crowd[:, None]
        return results


@TRANSFORMS.register_module()
class RemoveCrowds(IgnoreCrowds):
    """Also make the boxes of crowd regions empty, for ``FilterAnnotations`` to drop them."""

    def transform(self, results: dict) -> dict:
        """Clear ``keypoints_visible`` (G, K) and ``bbox`` (G, 4) where ``iscrowd`` (G,) is set."""
        crowd = np.asarray(results['iscrowd'], dtype=bool)
        results['bbox'] = results['bbox'] * ~crowd[:, None]
        return super().transform(results)


@TRANSFORMS.register_module()
class PseudoBoxes(BaseTransform):
    """Replace the boxes by the least rectangles around the labelled keypoints.

    DirectPose needs no box labels (section 3.1). It stands before the flip and the crop: a person
    whom the window cuts keeps what is left of the whole box, whose centre and size decide which
    locations learn from that person. Leave this transform out to train with annotated boxes.
    """

    # How far a box is widened at the left and top, and at the right and bottom, in pixels of the
    # original image, within the image: GluonCV's.
    margins = (1.0, 2.0)

    def transform(self, results: dict) -> dict:
        """Set ``bbox`` (G, 4) xyxy; all zero for a person without a labelled keypoint."""
        labelled = (results['keypoints_visible'] > 0).any(1, keepdims=True)
        results['bbox'] = np.where(labelled, self._boxes(results), np.float32(0))
        return results

    def _boxes(self, results: dict) -> np.ndarray:
        """Boxes (G, 4) xyxy; without meaning where no keypoint is labelled."""
        keypoints = results['keypoints']
        labelled = results['keypoints_visible'][..., None] > 0
        low = np.where(labelled, keypoints, np.inf).min(1) - self.margins[0]
        high = np.where(labelled, keypoints, -np.inf).max(1) + self.margins[1]
        size = np.float32(results['img_shape'][::-1])
        return np.concatenate([low.clip(0, size), high.clip(0, size)], 1).astype(np.float32)


@TRANSFORMS.register_module()
class PseudoBoxesOfLabelled(PseudoBoxes):
    """:class:`PseudoBoxes` that leaves people without a labelled keypoint their annotated boxes.

    Where ``FilterAnnotations`` keeps these people (``by_kpt=False``), :class:`DirectPoseHead`
    learns nothing about who is in their boxes.
    """

    def transform(self, results: dict) -> dict:
        """Set ``bbox`` (G, 4) xyxy of people with a labelled keypoint."""
        labelled = (results['keypoints_visible'] > 0).any(1, keepdims=True)
        results['bbox'] = np.where(labelled, self._boxes(results), results['bbox'])
        return results


@TRANSFORMS.register_module()
class MultiScaleFlip(TestTimeAug):
    """Every image at several scales, as it is and mirrored, for :class:`PoseTTAModel`.

    Args:
        resize: config of :class:`ResizeKeepRatio` or one like it, without sizes.
        pack: config of ``PackPoseInputs``; its ``meta_keys`` need not have those of the flip.
        short_sides: of the scales, in pixels; the long side is at most 5/3 of it.
        flip: also mirror the image, at each scale.
    """

    def __init__(
        self,
        resize: dict,
        pack: dict,
        short_sides: Sequence[int] = (800, 1000, 1200),
        flip: bool = True,
    ) -> None:
        flips = [dict(type='RandomFlip', prob=prob) for prob in (0.0, 1.0)[: 1 + flip]]
        resizes = [{**resize, 'short_side': s, 'long_side': s * 5 // 3} for s in short_sides]
        pack = {**pack, 'meta_keys': (*pack['meta_keys'], 'flip', 'flip_indices')}
        super().__init__([flips, resizes, [pack]])

    def transform(self, results: dict) -> dict:
        """Lists of ``inputs`` and ``data_samples``, one of each for each pass."""
        # mmpose adds the dataset itself, which would be copied for each pass.
        return super().transform({k: v for k, v in results.items() if k != 'dataset'})
