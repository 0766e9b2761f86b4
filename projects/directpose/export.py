"""DirectPose as an ONNX model: from pixels to people."""

import importlib.util
import io
import json
import os.path as osp
from collections.abc import Sequence

import torch
from mmcv.cnn import fuse_conv_bn
from mmengine.config import Config
from torch import Tensor, nn
from torchvision.ops import nms

from .errors import InputError
from .files import write_bytes
from .models import DirectPose
from .models.directpose.keypoint_coder import decode_boxes, decode_keypoints, enclosing_boxes
from .models.directpose.pyramid import Locations, flatten_levels, map_sizes
from .skeleton import read_skeleton

OUTPUTS = ('image_inds', 'boxes', 'scores', 'labels', 'keypoints')
OPSET = 20
DIVISOR = 32  # of the sides of images, in OnnxDetector as well


class PixelsToPeople(nn.Module):
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
        preprocessor, device = model.data_preprocessor, next(model.parameters()).device
        self.register_buffer('mean', preprocessor.mean.to(device))
        self.register_buffer('std', preprocessor.std.to(device))
        self.swaps_channels = preprocessor._channel_conversion
        strides = [float(s) for s, _ in model.bbox_head.prior_generator.strides]
        self.register_buffer('strides', torch.tensor(strides, device=device))

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
        outs = self.model.bbox_head(self.model.extract_feat((images - self.mean) / self.std))
        where, labels, scores = self._candidates(outs)
        keypoints, boxes = self._decode(outs, where, scores)
        sizes = sizes[where.batch_inds].to(boxes.dtype)
        boxes = boxes.clamp(min=0).minimum(sizes[:, [1, 0, 1, 0]])
        people = where.batch_inds, boxes, scores, labels, keypoints
        return self._suppress(people, images.shape) if self.with_nms else people

    def _candidates(self, outs: dict[str, Sequence[Tensor]]) -> tuple[Locations, Tensor, Tensor]:
        """Locations, labels (N,) and scores (N,) of what is above the threshold."""
        head, found = self.model.bbox_head, []
        for level, maps in enumerate(zip(outs['cls_scores'], outs['centernesses'], strict=True)):
            width = maps[0].shape[3]
            cls_probs, centernesses = (flatten_levels([x]).sigmoid() for x in maps)
            scores = cls_probs * centernesses
            scores = scores.masked_fill(cls_probs <= head.test_cfg['score_thr'], -1).flatten(1)
            # As many as are wanted are there, whatever the size of the map.
            count = head.test_cfg['nms_pre']
            scores = torch.cat((scores, -torch.ones_like(scores[:, :1]).expand(-1, count)), 1)
            scores, inds = scores.topk(count)
            places, labels = inds // head.num_classes, inds % head.num_classes
            rows = places // width
            cells = torch.stack((places - rows * width, rows), -1)
            found.append((scores, torch.full_like(inds, level), cells, labels))
        scores, levels, cells, labels = (torch.cat(parts, 1) for parts in zip(*found, strict=True))
        batch_inds, ranks = (scores >= 0).nonzero(as_tuple=True)
        chosen = batch_inds, ranks
        where = Locations(batch_inds, levels[chosen], cells[chosen])
        return where, labels[chosen], scores[chosen].sqrt()

    def _decode(
        self, outs: dict[str, Sequence[Tensor]], where: Locations, scores: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Keypoints (N, K, 3) and boxes (N, 4) of the candidates."""
        head = self.model.bbox_head
        offsets, vis_preds = head.kpt_predictor(outs['kpt_feats'], where)
        strides = self.strides[where.levels]
        points = strides[:, None] * (where.cells + 0.5)
        keypoints = decode_keypoints(offsets, points, strides)
        if hasattr(head, 'loss_vis'):
            keypoint_scores = vis_preds.sigmoid()
        else:
            keypoint_scores = scores[:, None, None].expand(-1, keypoints.shape[1], 1)
        if 'bbox_preds' in outs:
            boxes = decode_boxes(self._read(outs['bbox_preds'], where), points, strides)
        else:
            boxes = enclosing_boxes(keypoints)
        return torch.cat((keypoints, keypoint_scores), -1), boxes

    def _read(self, maps: Sequence[Tensor], where: Locations) -> Tensor:
        """Values (N, D) of maps (B, D, H_l, W_l) at the locations."""
        sizes = map_sizes(maps)
        widths = torch.stack([where.levels.new_full((), width) for _, width in sizes])
        counts = torch.stack([where.levels.new_full((), height * width) for height, width in sizes])
        starts = counts.cumsum(0) - counts
        inds = starts[where.levels] + where.cells[:, 1] * widths[where.levels] + where.cells[:, 0]
        return flatten_levels(maps)[where.batch_inds, inds]

    def _suppress(self, people: tuple[Tensor, ...], shape: torch.Size) -> tuple[Tensor, ...]:
        """Keep the best of overlapping people of an image and a class, best first."""
        head = self.model.bbox_head
        image_inds, boxes, scores, labels, _ = people
        # Beside each other, other images and classes do not overlap.
        apart = (image_inds * head.num_classes + labels) * (shape[2] + shape[3])
        keep = nms(boxes + apart[:, None].to(boxes.dtype), scores, head.test_cfg['iou_thr'])
        image_inds = image_inds[keep]
        of_image = image_inds[:, None] == torch.arange(shape[0], device=keep.device)
        ranks = (of_image.cumsum(0) * of_image).sum(1)  # from 1, within the image
        keep = keep[ranks <= head.test_cfg['max_per_img']]
        return tuple(values[keep] for values in people)


def export_onnx(model: nn.Module, path: str, with_nms: bool, facts: dict) -> None:
    """Write a model as ONNX, for images of any number and size.

    Args:
        model: a DirectPose; its batch normalisation is fused, in place.
        path: of the file.
        with_nms: see :class:`PixelsToPeople`.
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
        PixelsToPeople(model, with_nms).eval(),
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
    program.save(content)
    write_bytes(content.getvalue(), path)


def example_inputs(model: DirectPose) -> tuple[Tensor, Tensor]:
    """Two images to follow the model with: ``images`` and ``sizes`` of :class:`PixelsToPeople`.

    Every map is more than one cell high and wide: a side of one cell would be taken for a constant,
    and the model would run at that size only.
    """
    coarsest = model.bbox_head.prior_generator.strides[-1][0]
    height, width = 2 * coarsest + DIVISOR, 3 * coarsest + DIVISOR
    sizes = torch.tensor([[height, width], [height - DIVISOR + 4, width - DIVISOR]])
    return torch.rand(2, 3, height, width) * 255, sizes


def facts_of(cfg: Config) -> dict:
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
    names = read_skeleton(cfg.model.metainfo)['keypoint_id2name']
    return dict(
        config=osp.basename(cfg.filename),
        short_side=pipeline[1]['short_side'],
        long_side=pipeline[1]['long_side'],
        mean=list(mean),
        keypoints=list(names.values()),
    )
