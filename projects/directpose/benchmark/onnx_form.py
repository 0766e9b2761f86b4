"""An exported DirectPose as a model of a benchmark."""

import tempfile
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import torch
from mmengine.structures import InstanceData
from mmpose.structures import PoseDataSample
from torch import Tensor, nn

from ..deploy.exportable import swaps_channels
from ..deploy.int8 import quantize_onnx
from ..deploy.onnx_detector import ENGINES
from ..deploy.onnx_export import OUTPUTS, export_onnx

HALF = dict(INFERENCE_PRECISION_HINT='bf16')
# Engine, its options, and whether the convolutions are in 8-bit integers
ONNX_FORMS: dict[str, tuple[str, dict, bool]] = {
    'onnx': ('onnxruntime', {}, False),
    'onnx-int8': ('onnxruntime', {}, True),
    'openvino': ('openvino', {}, False),
    'openvino-bf16': ('openvino', HALF, False),
    'openvino-int8': ('openvino', {}, True),
}


class OnnxForm(nn.Module):
    """A detector whose predictions onnxruntime or OpenVINO makes; all else is the model's.

    A prediction is timed with the way back from normalised images to pixels, about 1 ms a
    megapixel, as the exported model normalises by itself.

    Args:
        model: a DirectPose on the CPU.
        form: one of ``ONNX_FORMS``.
    """

    def __init__(self, model: nn.Module, form: str) -> None:
        super().__init__()
        self._orig_mod = model  # as torch.compile names it
        self.form = form

    def __getattr__(self, name: str):
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(super().__getattr__('_orig_mod'), name)

    def forward(
        self, inputs: Tensor, data_samples: list[PoseDataSample], mode: str = 'predict'
    ) -> list[PoseDataSample]:
        """Data samples with the boxes of the people; ``inputs`` (B, 3, H, W) are normalised."""
        preprocessor = self.data_preprocessor
        images = inputs * preprocessor.std + preprocessor.mean
        if swaps_channels(preprocessor):
            images = images.flip(1)
        sizes = torch.tensor([sample.img_shape for sample in data_samples])
        feeds = dict(images=images.numpy(), sizes=sizes.numpy())
        score_thr = self.bbox_head.test_cfg['score_thr']
        run = open_exported(self._orig_mod, score_thr, self.form, Feeds(feeds))
        found = dict(zip(OUTPUTS, run(feeds), strict=True))
        for number, sample in enumerate(data_samples):
            mine = found['image_inds'] == number
            sample.pred_instances = InstanceData(bboxes=torch.from_numpy(found['boxes'][mine]))
        return data_samples


class Feeds(dict):
    """Inputs for a calibration, all alike to a cache."""

    def __hash__(self) -> int:
        return 0

    def __eq__(self, other) -> bool:
        return isinstance(other, Feeds)


@lru_cache(maxsize=16)
def open_exported(model: nn.Module, score_thr: float, form: str, example: Feeds) -> Callable:
    """A function from inputs to outputs of an exported model.

    Args:
        model: a DirectPose on the CPU.
        score_thr: its score threshold, which is a constant of the file.
        form: one of ``ONNX_FORMS``.
        example: inputs, from which 8-bit integers take their ranges.
    """
    engine, options, int8 = ONNX_FORMS[form]
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder, 'model.onnx'))
        with torch.enable_grad():
            export_onnx(model, path, with_nms=True, facts={})
        if int8:
            quantize_onnx(path, path, [example])
        return ENGINES[engine](path, **options, **threads(engine))[1]


def threads(engine: str) -> dict:
    """Options of an engine for as many threads as PyTorch has."""
    if engine == 'openvino':
        return dict(INFERENCE_NUM_THREADS=torch.get_num_threads())
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    return dict(sess_options=options)
