"""Keypoint AP where there are several classes."""

from collections.abc import Sequence

import numpy as np
from mmpose.evaluation.metrics import CocoMetric
from mmpose.registry import METRICS


@METRICS.register_module()
class ClasswiseCocoMetric(CocoMetric):
    """mmpose's ``CocoMetric``, which takes the class of an instance from its predicted label.

    The parent gives all instances of an image the same class. Label l is category l + 1. COCO's
    evaluation matches within a category and averages over the categories that are annotated.
    """

    def process(self, data_batch: Sequence[dict], data_samples: Sequence[dict]) -> None:
        """Take the predictions of some images, one class after the other."""
        for sample in data_samples:
            first = len(self.results)
            people = sample['pred_instances']
            labels = np.asarray(people['labels'])
            # An image without instances counts as well.
            for label in np.unique(labels).tolist() or [0]:
                chosen = {name: values[labels == label] for name, values in people.items()}
                one_class = {**sample, 'pred_instances': chosen, 'category_id': label + 1}
                super().process(data_batch, [one_class])
            # One entry an image: what is more than images, the evaluation takes for padding.
            self.results[first:] = [self.results[first:]]

    def compute_metrics(self, results: list) -> dict[str, float]:
        """AP and AR, averaged over the classes."""
        return super().compute_metrics([entry for image in results for entry in image])
