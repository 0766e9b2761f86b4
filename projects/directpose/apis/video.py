"""Reading and writing videos, reading cameras."""

import contextlib
import os
import os.path as osp
import uuid
from collections.abc import Iterator

import cv2
import numpy as np

from ..utils.errors import InputError

VIDEO_SUFFIXES = (
    *('.mp4', '.avi', '.mov', '.mkv', '.webm', '.m4v', '.mpg', '.mpeg'),
    *('.wmv', '.flv', '.3gp', '.ts', '.mts', '.m2ts', '.ogv'),
)


def is_video(source: str) -> bool:
    """Whether a path is of a video file, or the number of a camera."""
    return is_camera(source) or source.lower().endswith(VIDEO_SUFFIXES)


def check_windows() -> None:
    """Check that OpenCV can show pictures.

    Raises:
        InputError: it was built without windows, or there is no screen.
    """
    try:
        cv2.namedWindow('directpose')
        cv2.destroyWindow('directpose')
    except cv2.error as error:
        raise InputError(
            '--show: this OpenCV has no windows; leave it out, or replace opencv-python-headless '
            'by opencv-python'
        ) from error


def is_camera(source: str) -> bool:
    """Whether an input is the number of a camera, and no file of that name is there."""
    return source.isdecimal() and len(source) < 5 and not osp.exists(source)


def check_utf8(path: str) -> None:
    """Check the name of a video; OpenCV ends the process at others.

    Raises:
        InputError: it is not UTF-8.
    """
    try:
        path.encode()
    except UnicodeEncodeError as error:
        raise InputError(f'the name {path!r} is not UTF-8; rename it') from error


@contextlib.contextmanager
def open_video(source: str) -> Iterator[cv2.VideoCapture]:
    """A video file or a camera, closed in the end.

    Raises:
        InputError: it cannot be opened.
    """
    check_utf8(source)
    capture = cv2.VideoCapture(int(source) if is_camera(source) else source)
    try:
        if not capture.isOpened():
            what = 'camera' if is_camera(source) else 'video'
            raise InputError(f'{source} is no {what} that OpenCV can open; check that it is there')
        yield capture
    finally:
        capture.release()


def frames(capture: cv2.VideoCapture) -> Iterator[np.ndarray]:
    """The frames (H, W, 3), BGR, until the video ends."""
    while True:
        more, frame = capture.read()
        if not more:
            return
        yield frame


def frame_rate(capture: cv2.VideoCapture) -> float:
    """Frames a second; 25 where the source does not tell."""
    fps = capture.get(cv2.CAP_PROP_FPS)
    return fps if 0 < fps < 1000 else 25.0


def frame_count(capture: cv2.VideoCapture, limit: int | None) -> int | None:
    """Frames to expect, at most ``limit``; None where the source does not tell."""
    count = max(0, int(capture.get(cv2.CAP_PROP_FRAME_COUNT))) or None
    return min(filter(None, (count, limit)), default=None)


class VideoWriter:
    """Write a video of the frames it is given; a context, at whose end the file gets its name.

    Args:
        path: of the file, ``.mp4``.
        fps: frames a second.
    """

    def __init__(self, path: str, fps: float) -> None:
        check_utf8(path)
        self.path = path
        # MPEG-4 has rates of up to 65535 parts of a second.
        self.fps = round(fps, 3 if fps < 65 else 2 if fps < 650 else 1)
        # Hidden, and of this process: two calls may write into one folder.
        self._partial = osp.join(osp.dirname(path), f'.{uuid.uuid4().hex}.partial.mp4')
        self._writer: cv2.VideoWriter | None = None
        self._size = (0, 0)
        self._count = 0

    def write(self, frame: np.ndarray) -> None:
        """Append a frame (H, W, 3), BGR, in the size of the first.

        Raises:
            InputError: the file cannot be written.
        """
        if self._writer is None:
            codec = cv2.VideoWriter.fourcc(*'mp4v')
            height, width = frame.shape[:2]
            self._size = width, height
            writer = cv2.VideoWriter(self._partial, codec, self.fps, self._size)
            if not writer.isOpened():
                raise InputError(
                    f'OpenCV cannot write the video {self.path} of {width} × {height} pixels; '
                    'check the folder, and that MPEG-4 has this size'
                )
            self._writer = writer
        if frame.shape[1::-1] != self._size:  # OpenCV would drop it
            frame = cv2.resize(frame, self._size)
        self._writer.write(frame)
        self._count += 1

    def __enter__(self) -> 'VideoWriter':
        return self

    def __exit__(self, kind, *_) -> None:
        if self._writer is None:
            return
        self._writer.release()
        if kind is not None:
            os.remove(self._partial)
            return
        if self._frames_written() < self._count:  # one more, if Ctrl-C came when it was written
            os.remove(self._partial)
            raise InputError(f'cannot write the video {self.path}; is the disk full?')
        try:
            os.replace(self._partial, self.path)
        except OSError as error:
            os.remove(self._partial)
            raise InputError(f'cannot write the video {self.path} ({error.strerror})') from error

    def _frames_written(self) -> int:
        """Frames of the file, which are fewer where the disk is full: OpenCV says nothing."""
        try:
            with open_video(self._partial) as capture:
                return frame_count(capture, None) or 0
        except InputError:
            return 0
