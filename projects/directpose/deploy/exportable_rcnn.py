"""Keypoint R-CNN in operations that ONNX has.

Legend of dimensions:
    B images, L levels, N regions of interest (RoIs) or people of all images together, C classes,
    K keypoints, S side of a heatmap.
"""

import math

import torch
import torch.nn.functional as F
from mmcv.ops import RoIAlign
from mmdet.models.roi_heads.roi_extractors import SingleRoIExtractor
from mmdet.models.task_modules.coders import DeltaXYWHBBoxCoder
from torch import Tensor, nn
from torchvision.ops import FrozenBatchNorm2d

from ..models.directpose.decoding import clip_boxes, nms_by_image
from ..models.keypoint_rcnn.heatmap_coder import enlarge, keypoint_confidences
from ..utils.errors import InputError
from ..utils.similarity import areas_in_boxes
from .exportable import Exportable

CUBIC = -0.75  # as torch and OpenCV interpolate
WH_RATIO_CLIP = 16 / 1000  # of mmdet's coder


class ExportableKeypointRCNN(Exportable):
    """The people that a :class:`KeypointRCNN` gives.

    Args:
        model: a KeypointRCNN on the CPU; its batch normalisation is fused, in place.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__(model)
        kinds = {cfg.nms.type for cfg in (model.test_cfg.rpn, model.test_cfg.rcnn)}
        if kinds != {'nms'}:
            raise InputError(f'the export suppresses by nms, and the config by {kinds - {"nms"}}')
        for layer in [m for m in model.modules() if isinstance(m, RoIAlign)]:
            layer.use_torchvision = True  # mmcv's operator cannot be exported
        freeze_batch_norms(model.get_submodule('roi_head'))

    def detect(self, feats: tuple[Tensor, ...], sizes: Tensor) -> tuple[Tensor, ...]:
        """People from feature maps, see :meth:`forward`."""
        proposals = self.propose(feats, sizes)
        batch_inds, boxes, scores, labels = self.find_people(feats, *proposals, sizes)
        keypoints = self.find_keypoints(feats, batch_inds, boxes)
        return batch_inds, boxes, scores, labels, keypoints

    def propose(self, feats: tuple[Tensor, ...], sizes: Tensor) -> tuple[Tensor, Tensor]:
        """The proposals of the RPN: image of each (N,), and boxes (N, 4)."""
        head, cfg = self.model.rpn_head, self.model.test_cfg.rpn
        levels = []
        logits, deltas = head(feats)
        anchors = head.prior_generator.grid_priors([x.shape[-2:] for x in logits], device='cpu')
        for logit, delta, anchor in zip(logits, deltas, anchors, strict=True):
            scores = logit.permute(0, 2, 3, 1).flatten(1).sigmoid()
            # As many as are wanted are there, whatever the size of the map.
            scores, inds = F.pad(scores, (0, cfg.nms_pre), value=-1).topk(cfg.nms_pre)
            inds = inds.clamp(max=anchor.shape[0] - 1)  # (B, nms_pre)
            delta = delta.permute(0, 2, 3, 1).unflatten(-1, (-1, 4)).flatten(1, 3)
            delta = delta.gather(1, inds[..., None].expand(-1, -1, 4))
            levels.append((scores, decode_deltas(head.bbox_coder, anchor[inds], delta)))
        scores, boxes = (torch.stack(values, 1) for values in zip(*levels, strict=True))
        limits = sizes[:, None].expand(-1, scores.shape[1:].numel(), -1).flatten(0, 1)
        boxes = clip_boxes(boxes.flatten(0, 2), limits).view(*scores.shape, 4)
        large = (boxes[..., 2:] - boxes[..., :2] > cfg.min_bbox_size).all(-1)
        chosen = ((scores >= 0) & large).nonzero(as_tuple=True)
        batch_inds, level_inds, _ = chosen
        boxes, scores = boxes[chosen], scores[chosen]
        kept = nms_by_image(
            boxes,
            scores,
            batch_inds,
            level_inds,
            sizes,
            len(levels),
            cfg.nms.iou_threshold,
            cfg.max_per_img,
        )
        return batch_inds[kept], boxes[kept]

    def find_people(
        self, feats: tuple[Tensor, ...], batch_inds: Tensor, rois: Tensor, sizes: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """What the box branch finds at proposals: image (N,), box (N, 4), score and label (N,)."""
        head, cfg = self.model.roi_head, self.model.test_cfg.rcnn
        branch = head.bbox_head
        logits, deltas = branch(pool(head.bbox_roi_extractor, feats, batch_inds, rois))
        scores = logits.softmax(-1)[:, :-1]  # (N, C)
        if branch.reg_class_agnostic:
            deltas = deltas.repeat(1, branch.num_classes)
        boxes = decode_deltas(
            branch.bbox_coder,
            rois[:, None].expand(-1, branch.num_classes, -1),
            deltas.unflatten(1, (-1, 4)),
        )
        chosen = (scores > cfg.score_thr).nonzero(as_tuple=True)
        batch_inds, labels = batch_inds[chosen[0]], chosen[1]
        boxes, scores = clip_boxes(boxes[chosen], sizes[batch_inds]), scores[chosen]
        kept = nms_by_image(
            boxes,
            scores,
            batch_inds,
            labels,
            sizes,
            branch.num_classes,
            cfg.nms.iou_threshold,
            cfg.max_per_img,
        )
        return batch_inds[kept], boxes[kept], scores[kept], labels[kept]

    def find_keypoints(
        self, feats: tuple[Tensor, ...], batch_inds: Tensor, boxes: Tensor
    ) -> Tensor:
        """Keypoints (N, K, 3) = (x, y, confidence) of people in boxes (N, 4)."""
        head = self.model.roi_head
        rois = enlarge(boxes, head.roi_scale)
        heatmaps = head.keypoint_head(pool(head.keypoint_roi_extractor, feats, batch_inds, rois))
        keypoints = find_peaks(heatmaps, rois)
        confidences = keypoint_confidences(
            heatmaps, rois, keypoints, areas_in_boxes(boxes), head.sigmas
        )
        return torch.cat((keypoints, confidences[..., None]), -1)


def freeze_batch_norms(module: nn.Module) -> None:
    """Put constant factors in the place of batch normalisation, which asks for the batch size."""
    for parent in list(module.modules()):
        for name, norm in parent.named_children():
            if isinstance(norm, nn.modules.batchnorm._BatchNorm):
                frozen = FrozenBatchNorm2d(norm.num_features, norm.eps)
                frozen.load_state_dict(norm.state_dict())
                setattr(parent, name, frozen)


def decode_deltas(coder: DeltaXYWHBBoxCoder, anchors: Tensor, deltas: Tensor) -> Tensor:
    """Boxes (..., 4) of deltas (..., 4) from anchors (..., 4), not clipped.

    The coder itself asks whether there are any, which cannot be exported.
    """
    deltas = deltas * deltas.new_tensor(coder.stds) + deltas.new_tensor(coder.means)
    centers, sides = (anchors[..., :2] + anchors[..., 2:]) / 2, anchors[..., 2:] - anchors[..., :2]
    limit = abs(math.log(WH_RATIO_CLIP))
    centers = centers + sides * deltas[..., :2]
    halves = sides * deltas[..., 2:].clamp(-limit, limit).exp() / 2
    return torch.cat((centers - halves, centers + halves), -1)


def pool(
    extractor: SingleRoIExtractor, feats: tuple[Tensor, ...], batch_inds: Tensor, rois: Tensor
) -> Tensor:
    """Features (N, C, S, S) of RoIs (N, 4), as a RoI extractor reads them."""
    rois = torch.cat((batch_inds[:, None].to(rois.dtype), rois), 1)
    levels = extractor.map_roi_levels(rois, extractor.num_inputs)
    size = extractor.roi_layers[0].output_size
    pooled = feats[0].new_zeros(rois.shape[0], extractor.out_channels, *size)
    for level, layer in enumerate(extractor.roi_layers):
        inds = (levels == level).nonzero()[:, 0]
        pooled[inds] = layer(feats[level], rois[inds])
    return pooled


def find_peaks(heatmaps: Tensor, rois: Tensor) -> Tensor:
    """The place of the highest value of each heatmap, resized to its RoI: (N, K, 2).

    As :func:`decode_heatmaps`, for all RoIs at once, by products with matrices. A RoI that is
    smaller than the largest repeats its last row and column of pixels.

    Args:
        heatmaps (N, K, S, S): logits.
        rois (N, 4): where they lie.
    """
    sides = (rois[:, 2:] - rois[:, :2]).clamp(min=1)  # (N, 2)
    pixels = sides.ceil()
    columns, rows = (cubic_weights(pixels[:, axis], heatmaps.shape[-1]) for axis in (0, 1))
    padded = F.pad(heatmaps, [2] * 4, mode='replicate')
    width = columns.shape[1]
    places = []
    for one in padded.unbind(1):  # one after the other, which spares memory
        best = (rows @ one @ columns.transpose(1, 2)).flatten(1).argmax(1)
        places.append(torch.stack((best - best // width * width, best // width), 1))
    found = torch.stack(places, 1).to(pixels.dtype).minimum(pixels[:, None] - 1)
    return (found + 0.5) * (sides / pixels)[:, None] + rois[:, None, :2]


def cubic_weights(pixels: Tensor, size: int) -> Tensor:
    """Weights (N, P, size + 4) of the cells in each pixel of a resized row.

    Cubic convolution (Keys 1981). Beyond both ends of a row, the last cell comes twice more.

    Args:
        pixels (N,): of each row; P is the largest of them.
        size: cells of a row.
    """
    # One more, as there may be no row
    length = torch.cat((pixels, pixels.new_ones(1))).max().long().item()
    inds = torch.arange(length, dtype=pixels.dtype).minimum(pixels[:, None] - 1)  # (N, P)
    places = (inds + 0.5) * (size / pixels[:, None]) - 0.5
    cells = torch.arange(-2, size + 2, dtype=pixels.dtype)
    distances = (places[..., None] - cells).abs()
    a = CUBIC
    near = ((a + 2) * distances - (a + 3)) * distances**2 + 1
    far = ((a * distances - 5 * a) * distances + 8 * a) * distances - 4 * a
    return torch.where(distances <= 1, near, torch.where(distances < 2, far, 0.0))
