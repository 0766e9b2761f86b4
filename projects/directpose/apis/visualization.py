"""Pictures of many people, on images of any size."""

import numpy as np
from mmpose.registry import VISUALIZERS
from mmpose.structures import PoseDataSample
from mmpose.visualization import PoseLocalVisualizer

UNIT = 640  # pixels of the long side at which the sizes of the config hold


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


def confident(sample: PoseDataSample, score_thr: float) -> PoseDataSample:
    """The sample with only those predicted people who score above a threshold."""
    people = sample.get('pred_instances')
    if people is None or 'bbox_scores' not in people:
        return sample
    chosen = sample.new()
    chosen.pred_instances = people[people.bbox_scores > score_thr]
    return chosen
