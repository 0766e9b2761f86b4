"""Detecting people in image files."""

import glob
import io
import os.path as osp
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import cv2
import mmcv
import numpy as np
import torch
from mmengine.config import Config
from mmpose.apis import inference_bottomup
from mmpose.apis import init_model as build_trained
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample
from torch import nn

from ..deploy.fast_form import optimize_for_inference
from ..models.keypoint_rcnn.detector import KeypointRCNN, has_operators
from ..utils.config import build_model, config_path, merge_options, read_config
from ..utils.errors import InputError
from ..utils.images import IMAGE_SUFFIXES, classify_io_errors, content_problem
from ..utils.storage import read_bytes, walk
from ..weights.checkpoint import check_checkpoint
from ..weights.zoo import checkpoint_of, find, local_weights
from .video import VIDEO_SUFFIXES, is_camera

# Pictures that OpenCV does not read, or not everywhere
OTHER_SUFFIXES = ('.gif', '.avif', '.heic', '.heif', '.jp2', '.jxl', '.svg', '.dng', '.cr2', '.nef')


def files_in(folder: str, suffixes: Sequence[str]) -> list[str]:
    """The files of a folder and its subfolders that have one of the suffixes, in order.

    Hidden files and folders are left out: what macOS and others keep beside pictures. Pictures of
    other kinds are told of on stderr.
    """
    depth = len(Path(folder).parts)
    paths = [
        path
        for path in walk(folder)
        if not any(part.startswith('.') for part in Path(path).parts[depth:])
    ]
    passed = [path for path in paths if path.lower().endswith(OTHER_SUFFIXES)]
    if passed:
        kinds = sorted({osp.splitext(path)[1].lower() for path in passed})
        print(
            f'{folder}: skipped {len(passed)} pictures of kinds that OpenCV may not read '
            f'({", ".join(kinds)}); convert them to JPEG or PNG',
            file=sys.stderr,
        )
    return [path for path in paths if path.lower().endswith(tuple(suffixes))]


def find_inputs(inputs: Iterable[str], out: str | None = None) -> list[str]:
    """Images and videos named by files, folders (with their subfolders) and glob patterns, and
    cameras named by numbers, in order.

    Args:
        inputs: names.
        out: folder of results; where a folder or pattern has other files as well, its own are
            passed over.

    Raises:
        InputError: an input names nothing.
    """
    paths = []
    for item in inputs:
        if osp.isdir(item):
            found = drop_inside(out, files_in(item, IMAGE_SUFFIXES + VIDEO_SUFFIXES))
        elif osp.exists(item) or is_camera(item):
            found = [item]
        else:
            found = drop_inside(out, sorted(filter(osp.isfile, glob.glob(item, recursive=True))))
        if not found:
            raise InputError(
                f'{item} names no image or video: give files, folders, glob patterns or a camera '
                'number'
            )
        paths += found
    return list(dict.fromkeys(paths))


def drop_inside(folder: str | None, paths: list[str]) -> list[str]:
    """The paths that do not lie in a folder; all of them if every one does."""
    if folder is None:
        return paths
    top = Path(folder).resolve()
    return [path for path in paths if top not in Path(path).resolve().parents] or paths


def load_model(
    config: str,
    checkpoint: str,
    device: str | None = None,
    options: dict | None = None,
    amp: bool = False,
) -> nn.Module:
    """A fast model for :func:`detect`, its weights checked against the config.

    Args:
        config, checkpoint: files.
        device: for example ``cpu`` or ``cuda:0``; see :func:`default_device`.
        options: keys of the config with dots, and new values.
        amp: half precision, see :func:`optimize_for_inference`.

    Raises:
        InputError: the checkpoint is of another model or skeleton, or the device has no half
            precision.
    """
    cfg = read_config(config)
    merge_options(cfg, options)
    model = load_trained(cfg, checkpoint, device)
    optimize_for_inference(model, amp)
    return with_augmentation(model) if cfg.get('tta_model') else model


def init_model(
    name: str,
    device: str | None = None,
    amp: bool = False,
    offline: bool = False,
    weights: str | None = None,
) -> nn.Module:
    """A published model for :func:`detect`, in its fast form; downloaded the first time.

    Args:
        name: see ``directpose models``.
        device: for example ``cpu`` or ``cuda:0``; see :func:`default_device`.
        amp: half precision, see :func:`optimize_for_inference`.
        offline: do not download.
        weights: a file of its weights, as published or converted, in place of a download.

    Raises:
        InputError: there is no such model, or its weights cannot be had.
    """
    config = config_path(find(name).config)
    checkpoint = checkpoint_of(name, offline, weights)
    return load_model(config, checkpoint, device, amp=amp)


def load_trained(cfg: Config, checkpoint: str, device: str | None = None) -> nn.Module:
    """A model with the weights of a checkpoint, which are checked against its config.

    Raises:
        InputError: the config's model cannot be built, the checkpoint is of another model or
            skeleton, or there is no such device.
    """
    if device is not None:
        check_device(device)
    checkpoint = local_weights(checkpoint)
    model = build_model(cfg)
    check_checkpoint(checkpoint, model)
    device = device or default_device(model)
    check_device(device)
    return build_trained(cfg, checkpoint, device=device)


def check_device(name: str) -> None:
    """Check that PyTorch has a device.

    Raises:
        InputError: it has none of that name, or cannot use it.
    """
    try:
        torch.zeros(1, device=name) + 1  # PyTorch may see a GPU for which it has no kernels
    except (RuntimeError, AssertionError) as error:
        there = [f'cuda:{number}' for number in range(torch.cuda.device_count())]
        reason = str(error).strip().split('\n')[0][:200]
        raise InputError(
            f'--device {name} cannot be used ({reason}); available: {", ".join(["cpu", *there])}'
        ) from error


def with_augmentation(model: nn.Module) -> nn.Module:
    """The model with the test-time augmentation of its config, as mmpose's functions take it."""
    augmented = MODELS.build({**model.cfg.tta_model, 'module': model})
    augmented.cfg, augmented.dataset_meta = model.cfg.copy(), model.dataset_meta
    augmented.cfg.test_dataloader.dataset.pipeline = model.cfg.tta_pipeline
    return augmented.eval()


def read_image(path: str) -> np.ndarray:
    """Image (H, W, 3), BGR, on a disk or in a bucket.

    Raises:
        InputError: the file is missing, truncated or not an image that OpenCV reads.
        StorageError: it cannot be read now.
    """
    if '\0' in path:
        raise InputError(f'{path!r} is no name that a file can have')
    try:
        with classify_io_errors(path):
            content = read_bytes(path)
    except OSError as error:
        raise InputError(f'{path} cannot be read ({error.strerror or error})') from error
    # OpenCV fills what a truncated file lacks with grey and says nothing.
    problem = content_problem(io.BytesIO(content))
    try:
        image = None if problem else mmcv.imfrombytes(content)
    except cv2.error as error:  # more pixels than it takes
        raise InputError(f'{path} is not read by OpenCV ({error.err})') from error
    if image is None:
        raise InputError(f'{path} {problem or "is not an image that OpenCV reads"}')
    return image


def detect(model: nn.Module, image: np.ndarray, score_thr: float) -> PoseDataSample:
    """The people in an image (H, W, 3), BGR, whose score is above the threshold.

    Raises:
        InputError: the image is too large for OpenCV.
    """
    try:
        sample = inference_bottomup(model, image)[0]
    except cv2.error as error:  # sides of more than 32767 pixels
        height, width = image.shape[:2]
        raise InputError(
            f'{width}x{height} is more than OpenCV can resize ({error.err})'
        ) from error
    people = sample.pred_instances
    sample.pred_instances = people[people.bbox_scores > score_thr]
    return sample


def default_device(model: nn.Module | None = None) -> str:
    """The GPU if there is one, and mmcv has the operators that a model needs there."""
    if not torch.cuda.is_available():
        return 'cpu'
    if isinstance(model, KeypointRCNN) and not has_operators('cuda'):
        print(
            'on the CPU, as mmcv has no operators for CUDA: docs/installation.md', file=sys.stderr
        )
        return 'cpu'
    return 'cuda:0'
