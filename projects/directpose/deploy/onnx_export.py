"""Exporting detectors to ONNX, from pixels to people."""

import importlib.util
import io
import json
import os.path as osp
import warnings

import numpy as np
import torch
from mmengine.config import Config
from torch import Tensor, nn

from ..datasets.metainfo import parse_metainfo
from ..datasets.transforms import ResizePixelAreas, ResizeTorchvision
from ..models import DirectPose, KeypointRCNN
from ..models.directpose.detector import resolve_predictor_cfg
from ..utils.errors import InputError
from ..utils.io import write_bytes
from .exportable import Exportable, ExportableDirectPose
from .exportable_rcnn import ExportableKeypointRCNN

OUTPUTS = ('image_inds', 'boxes', 'scores', 'labels', 'keypoints')
OPSET = 20
# How the detector resizes: by pixel centres, or by areas, which round sizes and shift keypoints
RESIZES: dict[str, dict | None] = dict(
    ResizeKeepRatio=None,
    **{
        kind.__name__: dict(rounding=kind.rounding, shift=kind.keypoint_shift)
        for kind in (ResizePixelAreas, ResizeTorchvision)
    },
)
DIVISOR = 32  # of the sides of images, in OnnxDetector as well


def export_onnx(model: nn.Module, path: str, with_nms: bool, facts: dict) -> None:
    """Write a model as ONNX, for images of any number and size.

    Args:
        model: a DirectPose or a KeypointRCNN; its batch normalisation is fused, in place.
        path: of the file.
        with_nms: see :class:`ExportableDirectPose`; a KeypointRCNN always suppresses.
        facts: metadata that the file holds as JSON under ``directpose``.

    Raises:
        InputError: the model is neither, a package is missing, or the file cannot be written.
    """
    if importlib.util.find_spec('onnxscript') is None:
        raise InputError('the export needs packages: pip install onnx onnxscript onnxruntime')
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', FutureWarning)  # of torch about itself
        program = torch.onnx.export(
            capture(exportable(model, with_nms), example_inputs(model)),
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


def capture(model: Exportable, inputs: tuple[Tensor, Tensor]) -> torch.export.ExportedProgram:
    """The operations of a model, for images of any number and size."""
    count, side = torch.export.Dim('B', min=1), dict(min=1, max=1024)
    height, width = (DIVISOR * torch.export.Dim(name, **side) for name in 'hw')
    shapes = dict(images={0: count, 2: height, 3: width}, sizes={0: count})
    return torch.export.export(model.eval(), inputs, dynamic_shapes=shapes, strict=False)


def exportable(model: nn.Module, with_nms: bool = True) -> Exportable:
    """What is exported of a detector.

    Raises:
        InputError: it is no DirectPose and no KeypointRCNN, or a KeypointRCNN without suppression.
    """
    if isinstance(model, DirectPose):
        return ExportableDirectPose(model, with_nms)
    if not isinstance(model, KeypointRCNN):
        raise InputError(
            f'{type(model).__name__} cannot be exported; give a DirectPose or a KeypointRCNN'
        )
    if not with_nms:
        raise InputError('Keypoint R-CNN suppresses inside of the model; leave --no-nms out')
    return ExportableKeypointRCNN(model)


def example_inputs(model: nn.Module) -> tuple[Tensor, Tensor]:
    """Two images to trace with: ``images`` and ``sizes`` of :class:`Exportable`.

    Every map is more than one cell high and wide: a side of one cell would be taken for a constant,
    and the model would run at that size only.
    """
    head = model.rpn_head if isinstance(model, KeypointRCNN) else model.bbox_head
    coarsest = int(head.prior_generator.strides[-1][0])
    height, width = 2 * coarsest + DIVISOR, 3 * coarsest + DIVISOR
    sizes = torch.tensor([[height, width], [height - DIVISOR + 4, width - DIVISOR]])
    return torch.rand(2, 3, height, width) * 255, sizes


def export_metadata(cfg: Config) -> dict:
    """What :class:`OnnxDetector` must know of a config.

    Raises:
        InputError: it is of another model, or its images are prepared in another way than the
            detector does it.
    """
    if cfg.model.type.removeprefix('mmdet.') not in ('DirectPose', 'KeypointRCNN'):
        raise InputError(
            f'{cfg.filename} is of {cfg.model.type}; give a config of DirectPose or Keypoint R-CNN'
        )
    pipeline, preprocessor = cfg.test_dataloader.dataset.pipeline, cfg.model.data_preprocessor
    kinds = [step['type'] for step in pipeline]
    loads = kinds[0] in ('LoadImageFile', 'LoadImage')
    known = loads and len(kinds) == 3 and kinds[1] in RESIZES and kinds[2] == 'PackPoseInputs'
    if not known or 'tta_model' in cfg:
        raise InputError(
            f'{cfg.filename} prepares images by {", ".join(kinds)}'
            f'{" and tests several forms of each" * ("tta_model" in cfg)}; the export is for '
            f'LoadImageFile, one of {", ".join(RESIZES)}, and PackPoseInputs'
        )
    if preprocessor.get('pad_size_divisor', 1) != DIVISOR:
        raise InputError(f'{cfg.filename}: the export is for data_preprocessor.pad_size_divisor 32')
    # The preprocessor pads what is normalised already.
    fill = preprocessor.get('pad_value', 0)
    color = [m + fill * s for m, s in zip(preprocessor.mean, preprocessor.std, strict=True)]
    return dict(
        config=osp.basename(cfg.filename),
        short_side=pipeline[1]['short_side'],
        long_side=pipeline[1]['long_side'],
        pixel_areas=RESIZES[kinds[1]],
        padding=color[::-1] if preprocessor.bgr_to_rgb else color,
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
    predictor = cfg.model.get('bbox_head', {}).get('kpt_predictor', {})
    if predictor:
        predictor = resolve_predictor_cfg(predictor, skeleton)
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
