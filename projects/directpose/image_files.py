"""Whether image files are there and whole."""

import concurrent.futures
import os

from PIL import Image
from tqdm import tqdm

from .errors import InputError

# What ends a whole image file, but for what some cameras append to it.
_TAIL = 4096
_LAST_BYTES = {b'\xff\xd8': b'\xff\xd9', b'\x89P': b'IEND\xaeB`\x82'}


def check_images(paths: list[str]) -> None:
    """Check that the image files are there and whole, by their first and last bytes.

    Raises:
        InputError: naming the first broken file and how many there are.
    """
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        results = pool.map(image_problem, paths)
        slow = len(paths) > 10000
        problems = list(tqdm(results, 'checking images', len(paths), disable=not slow))
    broken = [f'{path} {problem}' for path, problem in zip(paths, problems, strict=True) if problem]
    if broken:
        raise InputError(
            f'{len(broken)} of {len(paths)} images cannot be used, the first: {broken[0]}; '
            'restore them or remove them from the annotations'
        )


def image_problem(path: str) -> str | None:
    """What is wrong with an image file, as far as can be told without decoding it."""
    try:
        with open(path, 'rb') as file:
            first = file.read(2)
            file.seek(max(os.fstat(file.fileno()).st_size - _TAIL, 0))
            last = file.read()
    except OSError as error:
        return f'cannot be read ({error.strerror})'
    if not first:
        return 'is empty'
    if _LAST_BYTES.get(first, b'') not in last and not decodes(path):
        return 'is truncated'
    return None


def decodes(path: str) -> bool:
    """Whether Pillow, which unlike OpenCV refuses truncated files, decodes an image."""
    try:
        with Image.open(path) as image:
            image.load()
    except OSError:
        return False
    return True
