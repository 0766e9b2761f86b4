"""Checks that image files exist and are complete."""

import concurrent.futures
import contextlib
import errno
import logging
import os
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

import cv2
import numpy as np
from mmengine.logging import print_log
from PIL import Image
from tqdm import tqdm

from .errors import InputError, StorageError
from .storage import is_remote

IMAGE_SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.tif', '.tiff', '.webp')
EXIF_ORIENTATION = 274
TURNED = (5, 6, 7, 8)  # orientations whose width and height are swapped
EXIF_FORMATS = ('JPEG', 'MPO')  # in which every OpenCV turns photos
# What ends a whole image file, but for what some cameras append to it.
_TAIL = 4096
# Errors of a name under which there is no file for us, now and later.
_NO_FILE = {errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EACCES, errno.EPERM}
_NO_FILE |= {errno.ENAMETOOLONG, errno.ELOOP}
_LAST_BYTES = {b'\xff\xd8': b'\xff\xd9', b'\x89P': b'IEND\xaeB`\x82'}


class ImageFacts(NamedTuple):
    """What can be told of an image file without decoding all of it.

    Attributes:
        problem: what is wrong with it, if anything is.
        size: (width, height) as it lies in the file, if that can be told.
        upright: the same as OpenCV reads it, turned as its EXIF says.
    """

    problem: str | None
    size: tuple[int, int] | None = None
    upright: tuple[int, int] | None = None


def check_images(paths: list[str], sizes: list[tuple[float, float]]) -> None:
    """Check that the image files are there and whole, by their first and last bytes, and upright.

    Images of another size than their annotations say are told of: many sets have wrong sizes and
    right keypoints.

    Args:
        paths: of the files.
        sizes: (width, height) of each, as its annotations have it.

    Raises:
        InputError: naming the first broken file and how many there are.
        StorageError: one cannot be read now.
    """
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        results = pool.map(image_facts, paths)
        slow = len(paths) > 10000
        images = list(tqdm(results, 'checking images', len(paths), disable=not slow))
    broken, resized = [], []
    for path, stated, (problem, size, upright) in zip(paths, sizes, images, strict=True):
        if problem:
            broken.append(f'{path} {problem}')
        elif upright and stated != upright:
            has, says = (f'{width:g} × {height:g}' for width, height in (upright, stated))
            if stated == size:
                broken.append(
                    f'{path} is turned by its EXIF to {has} pixels, and its annotations are of '
                    f'{says}'
                )
            else:
                resized.append(f'{path} has {has} pixels, and its annotations say {says}')
    if broken:
        raise InputError(
            f'{len(broken)} of {len(paths)} images cannot be used, the first: {broken[0]}; '
            'restore them or remove them from the annotations'
        )
    if resized:
        print_log(
            f'{len(resized)} of {len(paths)} images have another size than their annotations say, '
            f'the first: {resized[0]}; if they were resized, their keypoints are in wrong places',
            'current',
            logging.WARNING,
        )


def image_problem(path: str) -> str | None:
    """What is wrong with an image file, as far as can be told without decoding all of it.

    Raises:
        StorageError: it cannot be read now.
    """
    return image_facts(path).problem


def image_facts(path: str) -> ImageFacts:
    """What can be told of an image file; see :class:`ImageFacts`.

    Raises:
        StorageError: it cannot be read now.
    """
    if '\0' in path:
        return ImageFacts('is no name that a file can have')
    try:
        with classify_io_errors(path), open(path, 'rb') as file:
            problem = content_problem(file)
            return ImageFacts(problem) if problem else ImageFacts(None, *sizes_of(file))
    except StorageError:
        raise
    except OSError as error:
        return ImageFacts(f'cannot be read ({error.strerror})')


def content_problem(file: BinaryIO) -> str | None:
    """What is wrong with an image that is read from a file, as for :func:`image_problem`."""
    first = file.read(2)
    size = file.seek(0, os.SEEK_END)
    file.seek(max(size - _TAIL, 0))
    last = file.read()
    if not first:
        return 'is empty'
    if first not in _LAST_BYTES:
        return None if opencv_reads(file) else 'is truncated or not an image that OpenCV reads'
    if _LAST_BYTES[first] not in last and not decodes(file):
        return 'is truncated'
    return None


def opencv_reads(file: BinaryIO) -> bool:
    """Whether OpenCV, which fills what is missing of JPEG and PNG only, reads an image."""
    file.seek(0)
    try:
        image = cv2.imdecode(np.frombuffer(file.read(), np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:  # more pixels than it takes
        return False
    return image is not None


def decodes(file: BinaryIO) -> bool:
    """Whether Pillow, which unlike OpenCV refuses truncated files, decodes an image.

    Raises:
        OSError: the storage fails.
    """
    file.seek(0)
    try:
        with Image.open(file) as image:
            image.load()
    except Image.DecompressionBombError:  # it refuses to; OpenCV takes six times as many pixels
        return True
    except Exception as error:  # of a broken PNG it is a SyntaxError
        if isinstance(error, OSError) and error.errno is not None:  # Pillow's own have no number
            raise
        return False
    return True


def sizes_of(file: BinaryIO) -> tuple[tuple[int, int] | None, tuple[int, int] | None]:
    """(width, height) of an image as it lies in its file, and as OpenCV reads it.

    Returns:
        None twice where Pillow cannot tell.

    Raises:
        OSError: the storage fails.
    """
    file.seek(0)
    try:
        with Image.open(file) as image:
            size, kind = image.size, image.format
            # Of other files Pillow would decode all, to look for an EXIF behind the pixels.
            has_exif = kind in (*EXIF_FORMATS, 'TIFF') or 'exif' in image.info
            turned = has_exif and orientation_of(image) in TURNED
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        return None, None
    if turned and kind not in EXIF_FORMATS:  # versions of OpenCV differ in what others they turn
        file.seek(0)
        pixels = cv2.imdecode(np.frombuffer(file.read(), np.uint8), cv2.IMREAD_COLOR)
        return size, None if pixels is None else (pixels.shape[1], pixels.shape[0])
    return size, size[::-1] if turned else size


def orientation_of(image: Image.Image) -> int | None:
    """The orientation in the EXIF of an image; a broken EXIF turns nothing."""
    try:
        return image.getexif().get(EXIF_ORIENTATION)
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None:  # of the storage
            raise
        return None


@contextlib.contextmanager
def classify_io_errors(path: str) -> Iterator[None]:
    """Tell a storage that fails from a file that is not there or broken.

    Raises:
        StorageError: it fails.
    """
    try:
        yield
    except OSError as error:
        # Errors of a bucket have a number only if there is no such file.
        if error.errno in _NO_FILE or (error.errno is None and not is_remote(path)):
            raise
        raise StorageError(
            f'cannot read {path} ({error.strerror or error}): call again when its storage works'
        ) from error
