"""The people of images and videos as COCO records."""

from collections.abc import Sequence

import numpy as np
from mmengine.structures import InstanceData

from ..utils.io import write_json
from .visualization import coco_annotations


class Predictions:
    """COCO records of the images and the people seen so far."""

    def __init__(self) -> None:
        self.images: list[dict] = []
        self.annotations: list[dict] = []

    def add(
        self,
        file_name: str,
        image: np.ndarray,
        people: InstanceData,
        ids: Sequence[int] | None = None,
        **fields,
    ) -> None:
        """Add an image with its people, and the numbers they have in a video."""
        height, width = image.shape[:2]
        number = len(self.images) + 1
        record = dict(id=number, file_name=file_name, height=height, width=width)
        self.images.append(record | fields)
        for row, annotation in enumerate(coco_annotations(people, number)):
            self.annotations.append(annotation)
            annotation['id'] = len(self.annotations)
            if ids is not None:
                annotation['track_id'] = ids[row]

    def write(self, path: str, classes: int) -> None:
        """Write them all, with as many categories."""
        names = ['person'] if classes == 1 else [f'class {k}' for k in range(1, classes + 1)]
        categories = [dict(id=k, name=name) for k, name in enumerate(names, 1)]
        content = dict(images=self.images, annotations=self.annotations, categories=categories)
        write_json(content, path)
