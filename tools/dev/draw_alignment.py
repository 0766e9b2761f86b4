"""Draw how DirectPose v2 comes to its keypoints: a panel for each time it aligns.

    python tools/dev/draw_alignment.py CONFIG CHECKPOINT IMAGE OUT.png

The best prediction of the image is drawn: the location that makes it, where features are read, and
what is predicted from them.
"""

import argparse

import matplotlib
import numpy as np
import torch
from directpose.apis.inference import load_trained, read_image
from directpose.models.directpose.decoding import select_candidates
from directpose.models.directpose.sparse_maps import Locations
from directpose.utils.config import read_config
from directpose.utils.errors import exit_on_input_error
from directpose.utils.io import atomic_write
from mmengine.dataset import Compose, pseudo_collate
from mmengine.registry import init_default_scope

matplotlib.use('agg')
from matplotlib import pyplot as plt

READ, FOUND = '#f2c230', '#2f7fc1'
ARROW = 3  # pixels from which on an arrow is drawn


def parse_args(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config')
    parser.add_argument('checkpoint')
    parser.add_argument('image')
    parser.add_argument('out', help='picture to write')
    return parser.parse_args(argv)


@torch.no_grad()
def stages_of_best(model, image: np.ndarray) -> tuple[np.ndarray, list[np.ndarray], np.ndarray]:
    """The location (2,) of the best candidate, bases (M, 2) and keypoints (K, 2) of each stage, and
    the network's input (H, W, 3)."""
    pipeline = Compose(model.cfg.test_dataloader.dataset.pipeline)
    batch = pseudo_collate([pipeline(dict(img=image, img_id=0, id=[0]))])
    seen = batch['inputs'][0].permute(1, 2, 0).numpy()[..., ::-1]
    inputs = model.data_preprocessor(batch, False)['inputs']
    head = model.bbox_head
    outs = head(model.extract_feat(inputs))
    locations, _, scores = select_candidates(outs['cls_scores'], outs['centernesses'], 0.05, 100)
    best = scores.argmax()[None]
    one = Locations(*(values[best] for values in locations))
    predictor, tables = head.kpt_predictor, outs['kpt_tables']
    stride = head.strides[one.levels]
    place = (one.cells + 0.5) * stride
    bases = predictor._locate(tables[0], one)[0] * stride + place
    stages = [(offsets[0] * stride + place).numpy() for offsets in predictor.stages(tables, one)[0]]
    return place[0].numpy(), [bases.numpy(), *stages], seen


def draw(
    place: np.ndarray, stages: list[np.ndarray], seen: np.ndarray, group_of: list[int], path: str
) -> None:
    """A panel a stage: from where it reads to what it finds."""
    bases, *keypoints = stages
    starts = [bases[group_of], *keypoints[:-1]]
    titles = ['1. align for each group', '2. align at each keypoint', '3. and again', '4.', '5.']
    figure, axes = plt.subplots(1, len(keypoints), figsize=(3 * len(keypoints), 4.6))
    everything = np.concatenate([place[None], *stages])
    low, high = everything.min(0) - 12, everything.max(0) + 12
    for axis, start, end, title in zip(axes, starts, keypoints, titles, strict=False):
        axis.imshow(seen)
        for a, b in zip(start, end, strict=True):
            if np.linalg.norm(b - a) < ARROW:
                continue
            axis.annotate('', b, a, arrowprops=dict(arrowstyle='->', color='white', lw=1.2))
        axis.plot(*place, '+', color='white', markersize=12, markeredgewidth=2)
        axis.plot(*start.T, 's', color=READ, markersize=5, label='features are read here')
        axis.plot(*end.T, 'o', color=FOUND, markersize=5, label='keypoints found')
        axis.set(title=title, xlim=(low[0], high[0]), ylim=(high[1], low[1]))
        axis.axis('off')
    handles = axes[0].get_legend_handles_labels()
    figure.legend(*handles, loc='lower center', ncols=2, frameon=False)
    figure.tight_layout(rect=(0, 0.06, 1, 1))
    with atomic_write(path) as partial:
        figure.savefig(partial, dpi=110)


@exit_on_input_error
def main(argv=None):
    args = parse_args(argv)
    init_default_scope('mmpose')
    model = load_trained(read_config(args.config), args.checkpoint, 'cpu').eval()
    place, stages, seen = stages_of_best(model, read_image(args.image))
    group_of = model.bbox_head.kpt_predictor.keypoint_group.tolist()
    draw(place, stages, seen, group_of, args.out)


if __name__ == '__main__':
    main()
