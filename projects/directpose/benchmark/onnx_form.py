"""DirectPose run by onnxruntime, as a model of a benchmark."""

import tempfile
from functools import lru_cache
from pathlib import Path

import torch
from mmengine.structures import InstanceData
from mmpose.structures import PoseDataSample
from torch import Tensor, nn

from ..deploy.onnx_export import OUTPUTS, export_onnx, swaps_channels


class OnnxForm(nn.Module):
    """A detector whose predictions onnxruntime makes; all else is the model's.

    A prediction is timed with the way back from normalised images to pixels, about 1 ms a
    megapixel, as the exported model normalises by itself.

    Args:
        model: a DirectPose on the CPU.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self._orig_mod = model  # as torch.compile names it

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
        session = open_session(self._orig_mod, self.bbox_head.test_cfg['score_thr'])
        feeds = dict(images=images.numpy(), sizes=sizes.numpy())
        found = dict(zip(OUTPUTS, session.run(None, feeds), strict=True))
        for number, sample in enumerate(data_samples):
            mine = found['image_inds'] == number
            sample.pred_instances = InstanceData(bboxes=torch.from_numpy(found['boxes'][mine]))
        return data_samples


@lru_cache(maxsize=8)
def open_session(model: nn.Module, score_thr: float):
    """An exported model; its score threshold, a constant of the file, is that of the model."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder, 'model.onnx'))
        with torch.enable_grad():
            export_onnx(model, path, with_nms=True, facts={})
        return onnxruntime.InferenceSession(path, options, providers=['CPUExecutionProvider'])
