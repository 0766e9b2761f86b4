"""People in many image files, as records: what ``directpose infer`` writes in all its forms."""

import functools
import hashlib
from collections.abc import Iterator
from typing import Any

import cv2
import torch
from mmengine.dataset import Compose, pseudo_collate
from mmengine.registry import DefaultScope
from torch.utils.data import DataLoader, Dataset

from ..utils.errors import InputError, StorageError
from ..utils.interrupts import leave_interrupts
from ..utils.storage import exists, read_bytes
from .inference import load_model, read_image
from .visualization import coco_annotations

FIELDS = ('category_id', 'keypoints', 'bbox', 'score')


class Predictor:
    """Finds the people in image files.

    Args:
        config, checkpoint: files.
        device: for example ``cpu`` or ``cuda:0``; see :func:`default_device`.
        options: keys of the config with dots, and new values.
        amp: half precision.
        score_thr: people below it are left out.
        batch: images at once.
        workers: processes that read images; 0 for none beside this one.

    Raises:
        InputError: the checkpoint is not of the config's model, or there is no such device.
    """

    def __init__(
        self,
        config: str,
        checkpoint: str,
        device: str | None = None,
        options: dict | None = None,
        amp: bool = False,
        score_thr: float = 0.1,
        batch: int = 8,
        workers: int = 0,
    ) -> None:
        self.model = load_model(config, checkpoint, device, options, amp)
        with DefaultScope.overwrite_default_scope('mmpose'):
            self.pipeline = Compose(self.model.cfg.test_dataloader.dataset.pipeline)
        self.metainfo: Any = self.model.dataset_meta
        self.score_thr = score_thr
        self.batch = batch
        self.workers = workers
        self.job = dict(
            config=self.model.cfg.pretty_text,
            checkpoint=hashlib.sha256(read_bytes(checkpoint)).hexdigest(),
            batch=batch,
            score_thr=score_thr,
        )

    def __call__(self, paths: list[str]) -> Iterator[dict]:
        """A record of each image: its path, and its size and people or what is wrong with it.

        A record is ``dict(image, width, height, people)`` or ``dict(image, error)``; people have
        ``category_id``, ``keypoints`` (x, y, score of each), ``bbox`` (x, y, width, height) and
        ``score``, in pixels of the image.

        Raises:
            StorageError: an image cannot be read now.
            InputError: of several images, none is there; then the disk is not there.
        """
        loader = DataLoader(
            ImageFiles(paths, self.pipeline, self.metainfo),
            self.batch,
            num_workers=self.workers,
            collate_fn=list,
            worker_init_fn=functools.partial(leave_interrupts, None),
        )
        for batch in loader:
            yield from self._detect(batch)
        if len(paths) > 1 and not any(map(exists, paths)):
            raise InputError(
                f'none of {len(paths)} images is there, {paths[0]} to {paths[-1]}: call again when '
                'they are, or make another list for another --out'
            )

    @torch.no_grad()
    def _detect(self, batch: list[tuple]) -> Iterator[dict]:
        """Records of a batch of :class:`ImageFiles`, in its order."""
        for _, data in batch:
            if isinstance(data, StorageError):
                raise data
        good = [data for _, data in batch if not isinstance(data, str)]
        samples = iter(self.model.test_step(pseudo_collate(good)) if good else [])
        for path, data in batch:
            if isinstance(data, str):
                yield dict(image=path, error=data)
                continue
            sample = next(samples)
            people = sample.pred_instances
            height, width = sample.ori_shape
            found = coco_annotations(people[people.bbox_scores > self.score_thr], 0)
            people = [{name: person[name] for name in FIELDS} for person in found]
            yield dict(image=path, width=width, height=height, people=people)


class ImageFiles(Dataset):
    """Images as the model takes them, or what is wrong with them, or with the storage.

    Args:
        paths: of the images.
        pipeline: of the test.
        metainfo: of the dataset, for pipelines that mirror.
    """

    def __init__(self, paths: list[str], pipeline: Compose, metainfo: dict) -> None:
        self.paths = paths
        self.pipeline = pipeline
        self.metainfo = metainfo

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, number: int) -> tuple[str, dict | str | StorageError]:
        path = self.paths[number]
        try:
            data = dict(img=read_image(path), img_path=path, img_id=number, id=[number])
            return path, self.pipeline(self.metainfo | data)
        except StorageError as error:
            return path, error
        except InputError as error:
            return path, str(error)
        except cv2.error as error:  # sides of more than 32767 pixels
            return path, f'{path} is more than OpenCV can resize ({error.err})'
