"""Images in, pictures and COCO-format JSON out."""

import glob
import os
import os.path as osp
from collections.abc import Iterable

import cv2
import mmcv
import numpy as np
import torch
from mmengine.config import Config
from mmengine.structures import InstanceData
from mmpose.apis import inference_bottomup, init_model
from mmpose.registry import MODELS, VISUALIZERS
from mmpose.structures import PoseDataSample
from mmpose.visualization import PoseLocalVisualizer
from torch import nn

from .building import build_model
from .checkpoint import check_checkpoint
from .checks import read_config
from .errors import InputError
from .image_files import image_problem, telling_failures
from .optimize import optimize_for_inference
from .video import COLORS, VIDEO_SUFFIXES, is_camera

IMAGE_SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.tif', '.tiff', '.webp')


def find_inputs(inputs: Iterable[str]) -> list[str]:
    """Images and videos named by files, folders (not their subfolders) and glob patterns, and
    cameras named by numbers, in order.

    Raises:
        InputError: an input names nothing.
    """
    suffixes, paths = IMAGE_SUFFIXES + VIDEO_SUFFIXES, []
    for item in inputs:
        if osp.isdir(item):
            names = sorted(os.listdir(item))
            found = [osp.join(item, n) for n in names if n.lower().endswith(suffixes)]
        elif osp.exists(item) or is_camera(item):
            found = [item]
        else:
            found = sorted(glob.glob(item, recursive=True))
        if not found:
            raise InputError(
                f'{item} names no image or video: give files, folders, glob patterns or a camera '
                'number'
            )
        paths += found
    return list(dict.fromkeys(paths))


def load_model(config: str, checkpoint: str, device: str, options: dict | None = None) -> nn.Module:
    """A fast model for :func:`inference_bottomup`, its weights checked against the config.

    Raises:
        InputError: the checkpoint is of another model or skeleton.
    """
    cfg = read_config(config)
    cfg.merge_from_dict(options or {})
    model = load_trained(cfg, checkpoint, device)
    optimize_for_inference(model)
    return with_augmentation(model) if cfg.get('tta_model') else model


def load_trained(cfg: Config, checkpoint: str, device: str) -> nn.Module:
    """A model with the weights of a checkpoint, which are checked against its config.

    Raises:
        InputError: the config's model cannot be built, or the checkpoint is of another model or
            skeleton.
    """
    check_checkpoint(checkpoint, build_model(cfg))
    return init_model(cfg, checkpoint, device=device)


def with_augmentation(model: nn.Module) -> nn.Module:
    """The model with the test-time augmentation of its config, as mmpose's functions take it."""
    augmented = MODELS.build({**model.cfg.tta_model, 'module': model})
    augmented.cfg, augmented.dataset_meta = model.cfg.copy(), model.dataset_meta
    augmented.cfg.test_dataloader.dataset.pipeline = model.cfg.tta_pipeline
    return augmented.eval()


def read_image(path: str) -> np.ndarray:
    """Image (H, W, 3), BGR.

    Raises:
        InputError: the file is missing, truncated or not an image that OpenCV reads.
        StorageError: it cannot be read now.
    """
    # OpenCV fills what a truncated file lacks with grey and says nothing.
    problem = image_problem(path)
    try:
        with telling_failures(path):
            image = None if problem else mmcv.imread(path)
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


def build_visualizer(model: nn.Module) -> PoseLocalVisualizer:
    """The visualizer of the model's config, for its skeleton."""
    cfg = {**model.cfg.visualizer, 'vis_backends': None, 'name': 'directpose'}
    visualizer = VISUALIZERS.build(cfg)
    visualizer.set_dataset_meta(model.dataset_meta, skeleton_style='mmpose')
    return visualizer


def draw(
    visualizer: PoseLocalVisualizer, image: np.ndarray, sample: PoseDataSample, with_gt: bool
) -> np.ndarray:
    """Picture (H, W', 3), RGB, of the predictions, at the right of the ground truth if wanted."""
    # A person that is shown is shown whole, but for keypoints without a label.
    visualizer.add_datasample('', image, sample, draw_gt=with_gt, draw_heatmap=False, kpt_thr=1e-9)
    return visualizer.get_image()


def draw_tracked(
    visualizer: PoseLocalVisualizer, image: np.ndarray, sample: PoseDataSample, ids: list[int]
) -> np.ndarray:
    """Picture (H, W, 3), RGB, with each of the people in the colour of its number."""
    people = sample.pred_instances
    for number, track_id in enumerate(ids):
        color = COLORS[track_id % len(COLORS)]
        visualizer.bbox_color = color
        visualizer.kpt_color = [color] * people.keypoints.shape[1]
        visualizer.link_color = [color] * len(visualizer.skeleton)
        one = PoseDataSample()
        one.pred_instances = people[number : number + 1]
        image = draw(visualizer, image, one, with_gt=False)
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


def default_device() -> str:
    """The GPU if there is one."""
    return 'cuda:0' if torch.cuda.is_available() else 'cpu'
