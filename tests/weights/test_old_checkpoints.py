"""Configs and weights of version 0.1 build the same models: same detections, same losses.

The files hold the config of a model as text, its weights in half precision, two small images with
labels, and what the code of that version made of them. The weights are random.
"""

import pytest
import torch
import torch.nn.functional as F
from helpers.builders import sample_of
from mmengine.config import Config
from mmengine.structures import InstanceData
from mmpose.registry import MODELS


@pytest.mark.parametrize('name', ['directpose', 'keypoint_rcnn'])
def test_same_detections_and_losses(root, name, tmp_path):
    old = torch.load(root / f'tests/data/old_{name}.pth', weights_only=True)
    (tmp_path / 'old.py').write_text(old['model'])
    model = MODELS.build(Config.fromfile(tmp_path / 'old.py').model)
    state = {k: v.float() if v.is_floating_point() else v for k, v in old['state_dict'].items()}
    model.load_state_dict(state)

    images = F.interpolate(old['images'].float(), scale_factor=8, mode='bilinear').byte()
    samples = []
    for labels, shape in zip(old['labels'], old['shapes'], strict=True):
        samples.append(sample_of(InstanceData(**labels), img_shape=tuple(shape)))
        samples[-1].set_metainfo(dict(pad_shape=(160, 224), batch_input_shape=(160, 224)))
    data = dict(inputs=list(images), data_samples=samples)
    data = model.eval().data_preprocessor(data, training=False)
    with torch.no_grad():
        predictions = [sample.pred_instances for sample in model(**data, mode='predict')]
    for found, expected in zip(predictions, old['people'], strict=True):
        assert len(found) == len(expected['labels']) > 10
        for field, values in expected.items():
            if name == 'keypoint_rcnn' and field in ('keypoint_scores', 'keypoints_visible'):
                continue  # values of the softmax then, probabilities now
            actual = torch.as_tensor(found[field])
            # Processors round differently, by shares of the picture, as sizes are exponentials.
            error = 1e-4 * 224 if field in ('bboxes', 'keypoints') else 1e-3
            near = (actual - values).abs() <= error
            # Of two cells of a heatmap that differ by rounding, either may be the highest.
            ties = 0.005 if name == 'keypoint_rcnn' and field == 'keypoints' else 0
            assert near.float().mean() >= 1 - ties, field

    torch.manual_seed(0)
    losses = model.train()(**data, mode='loss')
    for loss, expected in old['losses'].items():
        value = losses[loss]
        value = sum(value) if isinstance(value, list) else value
        assert float(value) == pytest.approx(expected, rel=1e-4), loss
