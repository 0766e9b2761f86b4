"""Exporting DirectPose to ONNX, from pixels to people."""

import importlib.util
import io
import json
import os.path as osp

import numpy as np
import torch
from mmcv.cnn import fuse_conv_bn
from mmengine.config import Config
from torch import Tensor, nn

from ..datasets.metainfo import parse_metainfo
from ..models import DirectPose
from ..models.directpose.detector import resolve_predictor_cfg
from ..utils.errors import InputError
from ..utils.io import write_bytes

OUTPUTS = ('image_inds', 'boxes', 'scores', 'labels', 'keypoints')
OPSET = 20
DIVISOR = 32  # of the sides of images, in OnnxDetector as well


class ExportableDirectPose(nn.Module):
    """A DirectPose in operations that ONNX has, for images of any number and size.

    It gives the people that :meth:`DirectPoseHead.predict` gives. Legend: B images, N people of
    all of them, K keypoints.

    Args:
        model: a DirectPose on the CPU.
        with_nms: suppress overlapping people; without, all candidates come out.
    """

    def __init__(self, model: DirectPose, with_nms: bool = True) -> None:
        super().__init__()
        self.model = fuse_conv_bn(model.eval())
        self.with_nms = with_nms
        preprocessor = model.data_preprocessor
        self.register_buffer('mean', preprocessor.mean)
        self.register_buffer('std', preprocessor.std)
        self.swaps_channels = swaps_channels(preprocessor)

    def forward(self, images: Tensor, sizes: Tensor) -> tuple[Tensor, ...]:
        """Detect people.

        Args:
            images (B, 3, H, W): float32, BGR, 0 to 255; H and W are multiples of 32, what an image
                does not fill is the mean colour of the data preprocessor.
            sizes (B, 2): int64, height and width of the part that each image fills.

        Returns:
            image_inds (N,) int64; boxes (N, 4) xyxy; scores (N,); labels (N,) int64; keypoints
            (N, K, 3): x, y, score. In network-input pixels; with NMS, the best come first.
        """
        if self.swaps_channels:
            images = images.flip(1)
        head = self.model.bbox_head
        outs = head(self.model.extract_feat((images - self.mean) / self.std))
        people = head.decode(outs, sizes)
        if self.with_nms:
            people = head.suppress(people, sizes)
        keypoints = torch.cat((people.keypoints, people.keypoint_scores[..., None]), -1)
        return people.batch_inds, people.bboxes, people.scores, people.labels, keypoints


def swaps_channels(preprocessor: nn.Module) -> bool:
    """Whether a data preprocessor turns BGR into RGB; mmengine has no public name for it."""
    return bool(preprocessor._channel_conversion)


def export_onnx(model: nn.Module, path: str, with_nms: bool, facts: dict) -> None:
    """Write a model as ONNX, for images of any number and size.

    Args:
        model: a DirectPose; its batch normalisation is fused, in place.
        path: of the file.
        with_nms: see :class:`ExportableDirectPose`.
        facts: metadata that the file holds as JSON under ``directpose``.

    Raises:
        InputError: the model is no DirectPose, a package is missing, or the file cannot be
            written.
    """
    if not isinstance(model, DirectPose):
        raise InputError(f'{type(model).__name__} cannot be exported; give a config of DirectPose')
    if importlib.util.find_spec('onnxscript') is None:
        raise InputError('the export needs packages: pip install onnx onnxscript onnxruntime')
    count, side = torch.export.Dim('B', min=1), dict(min=1, max=1024)
    height, width = (DIVISOR * torch.export.Dim(name, **side) for name in 'hw')
    # The other way to capture, which torch.onnx.export would try first, wants to know the number of
    # candidates.
    captured = torch.export.export(
        ExportableDirectPose(model, with_nms).eval(),
        example_inputs(model),
        dynamic_shapes=dict(images={0: count, 2: height, 3: width}, sizes={0: count}),
        strict=True,
    )
    program = torch.onnx.export(
        captured,
        input_names=['images', 'sizes'],
        output_names=list(OUTPUTS),
        opset_version=OPSET,
        dynamo=True,
        verbose=False,
    )
    program.model.metadata_props['directpose'] = json.dumps(facts)
    content = io.BytesIO()
    program.save(content)  # type: ignore[arg-type]  # a file object will do, as a path
    write_bytes(content.getvalue(), path)


def example_inputs(model: DirectPose) -> tuple[Tensor, Tensor]:
    """Two images to trace with: ``images`` and ``sizes`` of :class:`ExportableDirectPose`.

    Every map is more than one cell high and wide: a side of one cell would be taken for a constant,
    and the model would run at that size only.
    """
    coarsest = model.bbox_head.prior_generator.strides[-1][0]
    height, width = 2 * coarsest + DIVISOR, 3 * coarsest + DIVISOR
    sizes = torch.tensor([[height, width], [height - DIVISOR + 4, width - DIVISOR]])
    return torch.rand(2, 3, height, width) * 255, sizes


def export_metadata(cfg: Config) -> dict:
    """What :class:`OnnxDetector` must know of a config.

    Raises:
        InputError: it is of no DirectPose, or its images are prepared in another way than the
            detector does it.
    """
    if cfg.model.type not in ('mmdet.DirectPose', 'DirectPose'):
        raise InputError(f'{cfg.filename} is of {cfg.model.type}; give a config of DirectPose')
    pipeline, preprocessor = cfg.test_dataloader.dataset.pipeline, cfg.model.data_preprocessor
    kinds = [step['type'] for step in pipeline]
    loads = kinds[0] in ('LoadImageFile', 'LoadImage')
    if not loads or kinds[1:] != ['ResizeKeepRatio', 'PackPoseInputs'] or 'tta_model' in cfg:
        raise InputError(
            f'{cfg.filename} prepares images by {", ".join(kinds)}'
            f'{" and tests several forms of each" * ("tta_model" in cfg)}; the export is for '
            'LoadImageFile, ResizeKeepRatio, PackPoseInputs'
        )
    if preprocessor.get('pad_size_divisor', 1) != DIVISOR:
        raise InputError(f'{cfg.filename}: the export is for data_preprocessor.pad_size_divisor 32')
    mean = preprocessor.mean[::-1] if preprocessor.bgr_to_rgb else preprocessor.mean
    return dict(
        config=osp.basename(cfg.filename),
        short_side=pipeline[1]['short_side'],
        long_side=pipeline[1]['long_side'],
        mean=list(mean),
        **describe_skeleton(cfg),
    )


def describe_skeleton(cfg: Config) -> dict:
    """What a program needs to draw and to evaluate the people of a model.

    Returns:
        ``keypoints``, their names; ``groups`` of KPAlign and ``limbs``, by indices; ``mirrored``,
        the keypoint of the other side of each; ``sigmas``; ``keypoint_colors`` and ``limb_colors``,
        RGB.
    """
    skeleton = parse_metainfo(cfg.model.metainfo)
    predictor = resolve_predictor_cfg(cfg.model.bbox_head.kpt_predictor, skeleton)
    colors = ('keypoint_colors', 'skeleton_link_colors')
    keypoint_colors, limb_colors = (np.asarray(skeleton[name]).tolist() for name in colors)
    return dict(
        keypoints=list(skeleton['keypoint_id2name'].values()),
        groups=[list(group) for group in predictor.get('groups') or []],
        limbs=[list(limb) for limb in skeleton['skeleton_links']],
        mirrored=list(skeleton['flip_indices']),
        sigmas=np.asarray(skeleton['sigmas']).tolist(),
        keypoint_colors=keypoint_colors,
        limb_colors=limb_colors,
    )
