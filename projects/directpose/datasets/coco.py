"""COCO keypoint datasets, filtered as the reference programs do."""

import numpy as np
from mmengine.logging import print_log
from mmpose.datasets import CocoDataset
from mmpose.registry import DATASETS

from ..utils.errors import InputError


@DATASETS.register_module()
class CocoKeypointDataset(CocoDataset):
    """mmpose's dataset of whole images, without the images that a training learns nothing from.

    In training, an image is kept if somebody in it has a labelled keypoint and is no crowd, as in
    GluonCV and detectron2. Everything else is kept in testing. Datasets of other skeletons give
    their ``metainfo``.

    Each image has its ``width`` and ``height``, which mmdet's ``AspectRatioBatchSampler`` reads.

    Args:
        data_mode: ``'bottomup'``, one sample for each image; there is no other.
        kwargs: of :class:`mmpose.datasets.CocoDataset`.

    Raises:
        InputError: another ``data_mode``.
    """

    def __init__(self, data_mode: str = 'bottomup', **kwargs) -> None:
        if data_mode != 'bottomup':
            raise InputError(f"CocoKeypointDataset: data_mode is {data_mode!r}, not 'bottomup'")
        super().__init__(data_mode=data_mode, **kwargs)

    def _get_bottomup_data_infos(self, instance_list: list[dict], image_list: list[dict]):
        """Add ``width`` and ``height``, in pixels, to each image of mmpose's list."""
        data_list = super()._get_bottomup_data_infos(instance_list, image_list)
        sizes = {image['img_id']: (image['width'], image['height']) for image in image_list}
        for image in data_list:
            image['width'], image['height'] = sizes[image['img_id']]
        return data_list

    def filter_data(self) -> list[dict]:
        """The images to use: mmengine's way to choose among those that were loaded."""
        if self.test_mode:
            return self.data_list
        kept = [image for image in self.data_list if has_labels(image)]
        left_out = len(self.data_list) - len(kept)
        if left_out:
            print_log(
                f'{self.ann_file}: {left_out} of {len(self.data_list)} images with annotations are '
                'left out of the training: nobody in them, crowds aside, has a labelled keypoint',
                'current',
            )
        return kept


def is_person(annotation: dict) -> bool:
    """Whether an annotation is of somebody with a labelled keypoint, and of no crowd."""
    return any(annotation['keypoints'][2::3]) and not annotation.get('iscrowd')


def has_labels(image: dict) -> bool:
    """Whether somebody in an image has a labelled keypoint and is no crowd.

    Args:
        image: with ``keypoints_visible`` (G, K) and ``iscrowd`` (G,).
    """
    labelled = (image['keypoints_visible'] > 0).any(1)
    return bool((labelled & ~np.asarray(image['iscrowd'], dtype=bool)).any())
