"""A page of a server of one's own: photos, videos and a webcam, for several people at once."""

import contextlib
import functools
import itertools
import os.path as osp
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image
from torch import nn

from ..datasets.metainfo import parse_metainfo, sigmas_of
from ..utils.errors import InputError
from ..validation.config import count_classes
from .inference import detect, read_image
from .predictions import Predictions
from .tracking import PeopleTracker, PoseSmoother, PoseTracker, follow
from .video import VideoWriter, frame_count, frame_rate, frames, open_video
from .visualization import build_visualizer, draw_tracked

try:
    import gradio
except ImportError as missing:
    raise InputError('directpose app needs a package: pip install "directpose[app]"') from missing

KEPT = 300  # seconds that files stay on the server
TABLE = ('person', 'score', 'sure keypoints', 'box')


class App:
    """What the page does.

    Args:
        model: see :func:`~directpose.apis.load_model`.
        folder: for files that are passed on; they go after some minutes.
        max_pixels: of a photo or a frame.
        max_frames: of a video; what comes after them is left out.
    """

    def __init__(self, model: nn.Module, folder: str, max_pixels: int, max_frames: int) -> None:
        self.model = model
        self.folder = folder
        self.max_pixels = max_pixels
        self.max_frames = max_frames
        # Requests of several kinds run at once, and a visualizer holds the picture that it draws.
        self.visualizers = {kind: build_visualizer(model) for kind in ('photo', 'video', 'frame')}
        self.classes = count_classes(model.cfg.model)

    def photo(self, path: str | None, score_thr: float, kpt_thr: float) -> tuple:
        """The picture (H, W, 3), RGB, the table of people, and the file of records, of a photo."""
        with telling(path):
            if path is None:
                raise InputError('there is no photo; choose one first')
            image = read_image(path)
            picture, sample = self.draw('photo', image, score_thr, kpt_thr)
        predictions = Predictions()
        predictions.add(osp.basename(path), image, sample.pred_instances)
        return picture, rows_of(sample.pred_instances, kpt_thr), self.save(predictions)

    def frame(
        self, image: np.ndarray | None, score_thr: float, kpt_thr: float
    ) -> np.ndarray | None:
        """The picture of a frame (H, W, 3), RGB, of a webcam."""
        if image is None:
            return None
        with telling(None):
            (frame,) = self.checked(iter([image[..., ::-1].copy()]))
            return self.draw('frame', frame, score_thr, kpt_thr)[0]

    def video(
        self,
        path: str | None,
        score_thr: float,
        kpt_thr: float,
        smooth: bool,
        progress=gradio.Progress(),  # noqa: B008  (gradio finds it there)
    ) -> tuple[str, str]:
        """Files of the video with people drawn, and of the records."""
        with telling(path):
            if path is None:
                raise InputError('there is no video; choose one first')
            target = osp.join(self.new_folder(), f'{Path(path).stem}.mp4')
            predictions = self.draw_video(path, target, score_thr, kpt_thr, smooth, progress)
        return target, self.save(predictions)

    def draw_video(
        self, path: str, target: str, score_thr: float, kpt_thr: float, smooth: bool, progress
    ) -> Predictions:
        """Write the video, and give the records."""
        predictions = Predictions()
        sigmas = sigmas_of(parse_metainfo(self.model.cfg.model.metainfo))
        tracker = PoseTracker(sigmas) if len(sigmas) > 1 else PeopleTracker()  # a dot has no size
        with open_video(path) as capture, VideoWriter(target, frame_rate(capture)) as writer:
            smoother = PoseSmoother(frame_rate(capture)) if smooth else None
            seen = itertools.islice(self.checked(frames(capture)), self.max_frames)
            people = follow(self.model, seen, score_thr, tracker, smoother)
            whole, total = (frame_count(capture, limit) for limit in (None, self.max_frames))
            if whole != total:
                gradio.Warning(f'Only the first {total} of {whole} frames are used.')
            for count, (frame, sample, ids) in enumerate(people, 1):
                picture = draw_tracked(
                    self.visualizers['video'], frame[..., ::-1].copy(), sample, kpt_thr, ids
                )
                writer.write(np.ascontiguousarray(picture[..., ::-1]))
                found = sample.pred_instances
                predictions.add(osp.basename(path), frame, found, ids, frame=count)
                progress((count, total))
        if not predictions.images:
            raise InputError('the video holds no frame that OpenCV can decode')
        return predictions

    def checked(self, video: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
        """The frames, unless they are too large."""
        for frame in video:
            if frame.shape[0] * frame.shape[1] > self.max_pixels:
                raise InputError(too_large(frame.shape[1::-1], self.max_pixels))
            yield frame

    def draw(self, kind: str, image: np.ndarray, score_thr: float, kpt_thr: float) -> tuple:
        """The picture (H, W, 3), RGB, of an image (H, W, 3), BGR, and its sample."""
        sample = detect(self.model, image, score_thr)
        ids = list(range(len(sample.pred_instances)))
        visualizer = self.visualizers[kind]
        return draw_tracked(visualizer, image[..., ::-1].copy(), sample, kpt_thr, ids), sample

    def save(self, predictions: Predictions) -> str:
        """Write records; returns the path."""
        path = osp.join(self.new_folder(), 'people.json')
        predictions.write(path, self.classes)
        return path

    def new_folder(self) -> str:
        """A folder of one answer."""
        return tempfile.mkdtemp(dir=self.folder)


@contextlib.contextmanager
def telling(path: str | None) -> Iterator[None]:
    """Show on the page what is wrong with a file, by the name that it has there."""
    try:
        yield
    except InputError as error:
        text = str(error)
        raise gradio.Error(text.replace(path, osp.basename(path)) if path else text) from error


def photo_input(max_pixels: int) -> 'gradio.Image':
    """A place for a photo, whose size is checked before it is decoded."""
    sources = ['upload', 'clipboard']
    # Without a mode, gradio leaves the file as it is: 16 bits would become white in RGB.
    place = gradio.Image(type='filepath', label='Photo', sources=sources, image_mode=None)
    decode = place.preprocess

    def preprocess(payload):
        if payload is not None:
            with telling(payload.path):
                check_size(payload.path, max_pixels)
        return decode(payload)

    # Not a subclass: gradio would write a file of types beside this one.
    place.preprocess = preprocess
    return place


def check_size(path: str, max_pixels: int) -> None:
    """Check the size of a photo before it is decoded.

    Raises:
        InputError: it is none, or too large.
    """
    try:
        with Image.open(path) as image:
            size = image.size
    except (OSError, Image.DecompressionBombError) as error:
        raise InputError('this file is not an image, or far too large') from error
    if size[0] * size[1] > max_pixels:
        raise InputError(too_large(size, max_pixels))


def too_large(size: tuple[int, int], max_pixels: int) -> str:
    """What to say of a size (w, h)."""
    return (
        f'{size[0]} × {size[1]} pixels are more than the {max_pixels / 1e6:g} megapixels that this '
        'server takes'
    )


def rows_of(people, kpt_thr: float) -> list[list]:
    """The table of the people of an image."""
    return [
        [
            number,
            round(float(person.bbox_scores[0]), 3),
            int((person.keypoint_scores > kpt_thr).sum()),
            ', '.join(f'{value:.0f}' for value in person.bboxes[0]),
        ]
        for number, person in enumerate(people, 1)
    ]


def build_app(app: App, name: str, kpt_thr: float) -> 'gradio.Blocks':
    """The page.

    Args:
        app: what it does.
        name: of the model.
        kpt_thr: where the slider of the keypoints stands first.
    """
    thresholds = [
        functools.partial(gradio.Slider, 0, 1, value, step=0.01, label=label)
        for value, label in ((0.3, 'People above'), (kpt_thr, 'Keypoints above'))
    ]
    with gradio.Blocks(title='directpose', delete_cache=(60, KEPT)) as page:
        gradio.Markdown(
            f'# Find people\n{name}. Files are deleted from the server after 5 minutes.'
        )
        with gradio.Tab('Photo'), gradio.Row():
            with gradio.Column():
                photo = photo_input(app.max_pixels)
                sliders = [make() for make in thresholds]
                button = gradio.Button('Find people', variant='primary')
            with gradio.Column():
                picture = gradio.Image(label='People', format='png', interactive=False)
                table = gradio.Dataframe(headers=list(TABLE), label='People', interactive=False)
                records = gradio.File(label='JSON')
            outputs = [picture, table, records]
            button.click(app.photo, [photo, *sliders], outputs, api_name='photo')
        with gradio.Tab('Video'), gradio.Row():
            with gradio.Column():
                video = gradio.Video(label='Video', sources=['upload'])
                sliders = [make() for make in thresholds]
                smooth = gradio.Checkbox(True, label='Steady poses')
                button = gradio.Button('Find people', variant='primary')
            with gradio.Column():
                drawn = gradio.File(label='Video with people')
                records = gradio.File(label='JSON')
            inputs = [video, *sliders, smooth]
            button.click(app.video, inputs, [drawn, records], api_name='video')
        with gradio.Tab('Webcam'), gradio.Row():
            with gradio.Column():
                camera = gradio.Image(sources=['webcam'], streaming=True, label='Webcam')
                sliders = [make() for make in thresholds]
            shown = gradio.Image(label='People', interactive=False)
            camera.stream(app.frame, [camera, *sliders], shown, api_name='frame')
    return page.queue(default_concurrency_limit=1, max_size=20)
