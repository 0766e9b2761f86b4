"""Running an exported model; needs only onnxruntime or OpenVINO, OpenCV and numpy."""

import json
from collections.abc import Callable

import cv2
import numpy as np


class OnnxDetector:
    """A model that ``directpose export`` has written with NMS.

    Args:
        path: of the file.
        engine: ``'onnxruntime'`` or ``'openvino'``, which is installed.
        options: keyword arguments of :class:`onnxruntime.InferenceSession`, for example
            ``providers``; or OpenVINO's properties of a CPU, for example
            ``INFERENCE_PRECISION_HINT='bf16'``.

    Raises:
        ValueError: it was written without NMS, or by something else.
    """

    def __init__(self, path: str, engine: str = 'onnxruntime', **options) -> None:
        facts, self.run = ENGINES[engine](path, **options)
        if facts is None:
            raise ValueError(f'{path} was not written by directpose export')
        self.set_facts(json.loads(facts))
        if not self.facts['with_nms']:
            raise ValueError(f'{path} was exported with --no-nms: its people overlap')

    def set_facts(self, facts: dict) -> None:
        """Prepare images as a file says."""
        self.facts = facts
        self.areas = facts.get('pixel_areas')  # pixels are areas for models of other programs
        self.shift = np.float32(self.areas['shift'] if self.areas else 0)

    def __call__(self, images: list[np.ndarray]) -> list[dict[str, np.ndarray]]:
        """Detect people.

        Images of different shapes are padded to a common one, which changes what normalisation
        sees and so the people, as it does in the model itself: see docs/scaling.md. One by one
        they do not depend on each other.

        Args:
            images: (H, W, 3), BGR, uint8, as OpenCV reads them; of any sizes.

        Returns:
            For each image, best people first and in its pixels: ``boxes`` (N, 4) xyxy, ``scores``
            (N,), ``labels`` (N,) and ``keypoints`` (N, K, 3): x, y, score.
        """
        if not images:
            return []
        scales, feeds = self.prepare(images)
        image_inds, boxes, scores, labels, keypoints = self.run(feeds)
        people = []
        for number, scale in enumerate(scales):
            mine = image_inds == number
            points = keypoints[mine]  # a copy
            points[..., :2] = points[..., :2] * scale - self.shift
            corners = (boxes[mine].reshape(-1, 2, 2) * scale - self.shift).reshape(-1, 4)
            found = dict(boxes=corners, scores=scores[mine], labels=labels[mine])
            people.append(found | dict(keypoints=points))
        return people

    def prepare(self, images: list[np.ndarray]) -> tuple[list[np.ndarray], dict[str, np.ndarray]]:
        """Pixels (x, y) of each image to a pixel of the model's input, and that input."""
        scales, resized = zip(*map(self._resize, images), strict=True)
        sizes = np.array([image.shape[:2] for image in resized], np.int64)
        height, width = -(-sizes.max(0) // 32) * 32
        batch = np.empty((len(images), 3, height, width), np.float32)
        batch[:] = np.float32(self.facts['padding'])[:, None, None]
        for place, image in zip(batch, resized, strict=True):
            place[:, : image.shape[0], : image.shape[1]] = image.transpose(2, 0, 1)
        return list(scales), dict(images=batch, sizes=sizes)

    def _resize(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The scale back from the network input, and the image at its size, as in the training."""
        sides = np.array(image.shape[1::-1])  # (w, h)
        short_side, long_side = self.facts['short_side'], self.facts['long_side']
        scale = min(short_side / sides.min(), long_side / sides.max())
        if self.areas is not None:
            size = np.maximum(1, (sides * scale + self.areas['rounding']).astype(int))
            return (sides / size).astype(np.float32), cv2.resize(image, size.tolist())
        size = np.maximum(1, np.round(sides * scale).astype(int))
        matrix = np.array([[scale, 0, 0], [0, scale, 0]])
        resized = cv2.warpAffine(image, matrix, size.tolist(), borderMode=cv2.BORDER_REPLICATE)
        return np.full(2, 1 / scale, np.float32), resized


def open_onnxruntime(path: str, **options) -> tuple[str | None, Callable]:
    """What :class:`OnnxDetector` needs to know of a file, and a function from inputs to outputs."""
    import onnxruntime

    options = {'providers': ['CPUExecutionProvider'], **options}
    session = onnxruntime.InferenceSession(path, **options)
    facts = session.get_modelmeta().custom_metadata_map.get('directpose')
    return facts, lambda feeds: session.run(None, feeds)


def open_openvino(path: str, **options) -> tuple[str | None, Callable]:
    """The same by OpenVINO, in float32 unless the options say something else."""
    import openvino

    core = openvino.Core()
    model = core.read_model(path)
    facts = ['framework', 'directpose']
    known = model.get_rt_info(facts).value if model.has_rt_info(facts) else None
    options = {'INFERENCE_PRECISION_HINT': 'f32', **options}
    compiled = core.compile_model(model, 'CPU', options)
    return known, lambda feeds: [np.array(value) for value in compiled(feeds).values()]


ENGINES = dict(onnxruntime=open_onnxruntime, openvino=open_openvino)
