"""Drawing predictions, and converting them to COCO records."""

import os.path as osp

import numpy as np
from mmengine.config import Config
from mmengine.structures import InstanceData
from mmpose.registry import VISUALIZERS
from mmpose.structures import PoseDataSample
from mmpose.visualization import PoseLocalVisualizer
from torch import nn

from ..validation.config import ensure_writable_dir
from .video import check_windows

UNIT = 640  # pixels of the long side at which the sizes of the config hold
# Apart for the eye, on any picture: one for each of eight people, then again from the first.
COLORS = (
    (230, 25, 75),
    (60, 180, 75),
    (255, 225, 25),
    (0, 130, 200),
    (245, 130, 48),
    (70, 240, 240),
    (240, 50, 230),
    (170, 255, 195),
)


@VISUALIZERS.register_module()
class PeopleVisualizer(PoseLocalVisualizer):
    """mmpose's visualizer, with lines that grow with the image and a threshold for people.

    mmpose draws every prediction, however low its score, and lines of the same width on a
    thumbnail and on a photo of 12 megapixels.

    Args:
        name: of the instance, by which mmengine finds it.
        score_thr: predicted people who do not score above it are not drawn.
        kwargs: of :class:`mmpose.visualization.PoseLocalVisualizer`; ``radius`` and ``line_width``
            are in pixels for images of up to 640 pixels, and grow with the long side above.
    """

    def __init__(self, name: str = 'visualizer', score_thr: float = 0.3, **kwargs) -> None:
        super().__init__(name, **kwargs)
        self.score_thr = score_thr

    def add_datasample(
        self, name: str, image: np.ndarray, data_sample: PoseDataSample, *args, **kwargs
    ) -> np.ndarray:
        """Draw people on an image (H, W, 3), RGB; the arguments are the parent's."""
        sizes = self.radius, self.line_width
        growth = max(1, max(image.shape[:2]) / UNIT)
        self.radius, self.line_width = (round(size * growth) for size in sizes)
        try:
            shown = confident(data_sample, self.score_thr)
            return super().add_datasample(name, image, shown, *args, **kwargs)
        finally:
            self.radius, self.line_width = sizes


def check_show_options(show: bool, show_dir: str | None) -> None:
    """Check the window and the folder of mmpose's options for pictures.

    Raises:
        InputError: there are no windows here, or the folder cannot be written to.
    """
    if show:
        check_windows()
    if show_dir and osp.isabs(show_dir):  # mmpose makes another one in the work dir
        ensure_writable_dir(show_dir, '--show-dir')


def confident(sample: PoseDataSample, score_thr: float) -> PoseDataSample:
    """The sample with only those predicted people who score above a threshold."""
    people = sample.get('pred_instances')
    if people is None or 'bbox_scores' not in people:
        return sample
    chosen = sample.new()
    chosen.pred_instances = people[people.bbox_scores > score_thr]
    return chosen


def build_visualizer(model: nn.Module) -> PoseLocalVisualizer:
    """A visualizer of its own, as the model's config has it, for the model's skeleton."""
    cfg = {k: v for k, v in model.cfg.visualizer.items() if k not in ('vis_backends', '_scope_')}
    if cfg['type'] == 'PeopleVisualizer':
        cfg['score_thr'] = 0.0  # who is to be drawn is chosen before
    # The registry would give the same instance to all who ask.
    visualizer = VISUALIZERS.get(cfg.pop('type'))(**cfg)
    visualizer.set_dataset_meta(model.dataset_meta, skeleton_style='mmpose')
    return visualizer


def keypoint_threshold(cfg: Config) -> float:
    """The least score of a keypoint that a config draws."""
    hook = cfg.get('default_hooks', {}).get('visualization') or {}  # None where it is left out
    return hook.get('kpt_thr', 0.3)


def draw(
    visualizer: PoseLocalVisualizer,
    image: np.ndarray,
    sample: PoseDataSample,
    kpt_thr: float,
    with_gt: bool = False,
) -> np.ndarray:
    """Picture (H, W', 3), RGB, of the keypoints that score above a threshold, at the right of the
    ground truth if wanted."""
    options = dict(draw_gt=with_gt, draw_heatmap=False, kpt_thr=kpt_thr)
    visualizer.add_datasample('', image, sample, **options)
    return visualizer.get_image()


def draw_tracked(
    visualizer: PoseLocalVisualizer,
    image: np.ndarray,
    sample: PoseDataSample,
    kpt_thr: float,
    ids: list[int],
) -> np.ndarray:
    """Picture (H, W, 3), RGB, with each of the people in the colour of its number."""
    return draw_in_colors(visualizer, image, sample, kpt_thr, list(map(person_color, ids)))


def person_color(number: int) -> tuple[int, int, int]:
    """The colour of somebody's number, RGB."""
    return COLORS[number % len(COLORS)]


def draw_in_colors(
    visualizer: PoseLocalVisualizer,
    image: np.ndarray,
    sample: PoseDataSample,
    kpt_thr: float,
    colors: list[tuple[int, int, int]],
) -> np.ndarray:
    """Picture (H, W, 3), RGB, with each of the people in a colour, RGB."""
    people = sample.pred_instances
    for number, color in enumerate(colors):
        visualizer.bbox_color = color
        visualizer.kpt_color = [color] * people.keypoints.shape[1]
        visualizer.link_color = [color] * len(visualizer.skeleton)
        one = PoseDataSample()
        one.pred_instances = people[number : number + 1]
        image = draw(visualizer, image, one, kpt_thr)
    return image


def coco_annotations(people: InstanceData, image_id: int) -> list[dict]:
    """COCO keypoint results of one image; a keypoint is (x, y, score)."""
    boxes = people.bboxes.copy()
    boxes[:, 2:] -= boxes[:, :2]
    keypoints = np.concatenate([people.keypoints, people.keypoint_scores[..., None]], -1)
    return [
        dict(
            image_id=image_id,
            category_id=int(label) + 1,
            keypoints=np.round(points.flatten().astype(float), 3).tolist(),
            bbox=np.round(box.astype(float), 3).tolist(),
            score=round(float(score), 5),
        )
        for label, points, box, score in zip(
            people.labels, keypoints, boxes, people.bbox_scores, strict=True
        )
    ]
