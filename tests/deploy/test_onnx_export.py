"""The exported model finds the same people."""

import shutil
import sys

import cv2
import numpy as np
import onnx
import pytest
import torch
from directpose.apis.inference import load_model, load_trained
from directpose.deploy.exportable import ExportableDirectPose
from directpose.deploy.onnx_detector import OnnxDetector
from directpose.deploy.onnx_export import export_metadata
from directpose.models.pose_results import to_original_pixels
from helpers.commands import CONFIG, ROOT, call, run
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmengine.registry import DefaultScope
from mmengine.structures import InstanceData
from mmpose.apis import init_model
from mmpose.registry import TRANSFORMS
from onnxruntime import InferenceSession
from torchvision.ops import batched_nms


@pytest.fixture(scope='module')
def branches(tmp_path_factory):
    """Config and weights of a model with every branch and two classes, in which all is found.

    The weights are random, and larger than fresh ones, of which all scores are nearly the same.
    """
    folder = tmp_path_factory.mktemp('branches')
    cfg = Config.fromfile(ROOT / CONFIG)
    cfg.model.bbox_head.update(
        num_classes=2,
        loss_vis=dict(type='mmdet.CrossEntropyLoss', use_sigmoid=True),
        loss_bbox=dict(type='mmdet.GIoULoss'),
    )
    cfg.model.test_cfg.score_thr = 0.0
    cfg.model.data_preprocessor.pad_value = 1  # of what is normalised
    cfg.dump(folder / 'branches.py')
    torch.manual_seed(0)
    model = init_model(cfg, device='cpu')
    for weight in model.bbox_head.parameters():
        torch.nn.init.normal_(weight, std=0.1)
    torch.save(dict(state_dict=model.state_dict()), folder / 'branches.pth')
    return str(folder / 'branches.py'), str(folder / 'branches.pth')


@pytest.fixture(scope='module')
def exported(branches, tmp_path_factory):
    """Path of that model as ONNX."""
    path = tmp_path_factory.mktemp('export') / 'model.onnx'
    done = call('export_onnx', *branches, path)
    assert done.returncode == 0, done.stderr
    return path


def people_of(model, images):
    """What the model itself finds in a batch of images."""
    with DefaultScope.overwrite_default_scope('mmpose'), torch.no_grad():
        pipeline = Compose(model.cfg.test_dataloader.dataset.pipeline)
        batch = pseudo_collate([pipeline(dict(img=image, img_id=0, id=[0])) for image in images])
        return [sample.pred_instances for sample in model.test_step(batch)]


def test_the_same_people_in_batches_of_any_sizes(exported, branches, synthetic_set):
    """With boxes and scores of keypoints from branches of their own, class by class."""
    model, detector = load_model(*branches, 'cpu'), OnnxDetector(str(exported))
    images = [cv2.imread(str(path)) for path in sorted((synthetic_set / 'images').iterdir())]
    odd = [cv2.resize(images[0], (50, 301)), cv2.resize(images[1], (640, 360))]
    assert len({image.shape for image in images[1:4]}) > 1
    for batch in (images[:1], images[1:4], odd[:1], odd[1:]):
        for expected, people in zip(people_of(model, batch), detector(batch), strict=True):
            assert 20 < len(people['scores']) == len(expected.bbox_scores) <= 100
            assert set(people['labels']) == {0, 1}
            np.testing.assert_allclose(people['scores'], expected.bbox_scores, atol=1e-5)
            # Of people with the same score, any order will do.
            places = [_nearest(person, people) for person in expected]
            assert len(set(places)) == len(places)
            found, scores = np.split(people['keypoints'][places], [2], 2)
            np.testing.assert_allclose(found, expected.keypoints, rtol=0, atol=1e-3)
            np.testing.assert_allclose(scores[..., 0], expected.keypoint_scores, atol=1e-5)
            np.testing.assert_allclose(people['boxes'][places], expected.bboxes, rtol=0, atol=1e-3)
            np.testing.assert_array_equal(people['labels'][places], expected.labels)


def _nearest(person, people):
    """Index of the person of the same class whose keypoints are nearest."""
    distances = np.abs(people['keypoints'][..., :2] - person.keypoints).max((1, 2))
    return int(np.where(people['labels'] == person.labels, distances, np.inf).argmin())


@pytest.fixture(scope='module')
def strict(branches, tmp_path_factory):
    """That model as ONNX without suppression, with a threshold that nobody reaches."""
    path = tmp_path_factory.mktemp('export') / 'strict.onnx'
    options = ['--no-nms', '--cfg-options', 'model.test_cfg.score_thr=1.0']
    done = call('export_onnx', *branches, path, *options)
    assert done.returncode == 0, done.stderr
    return path


def test_nobody_is_found_where_nobody_is(strict):
    feeds = dict(images=np.zeros((2, 3, 64, 96), np.float32), sizes=np.array([[40, 60], [64, 96]]))
    images, boxes, scores, labels, keypoints = InferenceSession(str(strict)).run(None, feeds)
    assert len(images) == len(scores) == len(labels) == 0
    assert boxes.shape == (0, 4) and keypoints.shape == (0, 17, 3)


def test_the_file_tells_how_to_draw(exported):
    facts = OnnxDetector(str(exported)).facts
    names = facts['keypoints']
    assert len(names) == len(facts['sigmas']) == len(facts['keypoint_colors']) == 17
    assert len(facts['limbs']) == len(facts['limb_colors']) == 19
    assert [names[k] for k in facts['groups'][2]] == ['left_elbow', 'left_wrist']
    assert names[facts['mirrored'][names.index('left_hip')]] == 'right_hip'
    assert all(0 <= value <= 255 for color in facts['limb_colors'] for value in color)


def test_no_images(exported):
    assert OnnxDetector(str(exported))([]) == []


def test_8_bit_integers(branches, exported, synthetic_set, tmp_path, monkeypatch):
    path, images = tmp_path / 'int8.onnx', synthetic_set / 'images'
    # the export itself takes long, and was done
    copy = lambda model, out, with_nms, facts: shutil.copy(exported, out)  # noqa: E731
    monkeypatch.setattr('directpose.cli.export.export_onnx', copy)
    done = call('export_onnx', *branches, path, '--int8', images)
    assert done.returncode == 0, done.stderr
    assert 'WARNING' not in done.stderr and path.stat().st_size < exported.stat().st_size / 2
    image = cv2.imread(str(next(images.iterdir())))
    exact, people = (OnnxDetector(str(file))([image])[0] for file in (exported, path))
    assert len(people['scores']) > 20
    # of these random weights, which were not trained to bear anything
    np.testing.assert_allclose(people['scores'][:10], exact['scores'][:10], atol=0.05)
    kinds = {node.op_type for node in onnx.load(path).graph.node}
    assert {'QuantizeLinear', 'DequantizeLinear'} <= kinds


def test_half_precision(branches, exported, synthetic_set, tmp_path, monkeypatch):
    path = tmp_path / 'half.onnx'
    # the export itself takes long, and was done
    copy = lambda model, out, with_nms, facts: shutil.copy(exported, out)  # noqa: E731
    monkeypatch.setattr('directpose.cli.export.export_onnx', copy)
    done = call('export_onnx', *branches, path, '--half')
    assert done.returncode == 0, done.stderr
    assert path.stat().st_size < exported.stat().st_size * 0.6
    image = cv2.imread(str(next((synthetic_set / 'images').iterdir())))
    exact, people = (OnnxDetector(str(file))([image])[0] for file in (exported, path))
    assert len(people['scores']) > 20 and people['keypoints'].dtype == np.float32
    np.testing.assert_allclose(people['scores'][:10], exact['scores'][:10], atol=0.01)
    graph = onnx.load(path).graph
    kinds = {tensor.name: tensor.data_type for tensor in graph.initializer}
    weights = [kinds[node.input[1]] for node in graph.node if node.op_type == 'Conv']
    assert set(weights) == {onnx.TensorProto.FLOAT16}
    # the locator and the predictors are no convolutions, and stay float32
    assert onnx.TensorProto.FLOAT in kinds.values()


@pytest.fixture(scope='module')
def two_stages(tmp_path_factory):
    """A Keypoint R-CNN with random weights that finds nobody, and its file."""
    folder = tmp_path_factory.mktemp('two_stages')
    config = ROOT / 'configs/keypoint_rcnn/keypoint-rcnn_tiny_1xb4-5e_synthetic-256x320.py'
    model = init_model(str(config), device='cpu')
    torch.save(dict(state_dict=model.state_dict()), folder / 'random.pth')
    arguments = [config, folder / 'random.pth', folder / 'model.onnx']
    done = call('export_onnx', *arguments, '--cfg-options', 'model.test_cfg.rcnn.score_thr=1.0')
    assert done.returncode == 0, done.stderr
    return arguments


def test_keypoint_rcnn_finds_nobody(two_stages):
    detector = OnnxDetector(str(two_stages[2]))
    for people in detector([np.zeros((40, 60, 3), np.uint8), np.zeros((300, 200, 3), np.uint8)]):
        assert people['boxes'].shape == (0, 4) and people['keypoints'].shape == (0, 17, 3)
    assert detector.facts['groups'] == [] and len(detector.facts['sigmas']) == 17


@pytest.mark.parametrize(
    ('options', 'words'),
    [
        (['--no-nms'], 'suppresses inside of the model'),
        (['--cfg-options', 'model.test_cfg.rcnn.nms.type=soft_nms'], "{'soft_nms'}"),
    ],
)
def test_what_keypoint_rcnn_cannot_be(two_stages, options, words, tmp_path):
    done = call('export_onnx', *two_stages[:2], tmp_path / 'x.onnx', *options)
    assert done.returncode != 0 and words in done.stderr
    assert not (tmp_path / 'x.onnx').exists()


@pytest.mark.parametrize('resize', ['ResizeKeepRatio', 'ResizePixelAreas', 'ResizeTorchvision'])
def test_images_are_resized_as_by_the_config(two_stages, resize):
    """Its pixels, and the way back, of a portrait, a thumbnail and a photo."""
    cfg = Config.fromfile(two_stages[0])
    cfg.test_dataloader.dataset.pipeline[1].type = resize
    detector = object.__new__(OnnxDetector)
    detector.set_facts(export_metadata(cfg))
    rng = np.random.default_rng(0)
    with DefaultScope.overwrite_default_scope('mmpose'):
        step = TRANSFORMS.build(cfg.test_dataloader.dataset.pipeline[1])
    for shape in ((301, 50), (20, 30), (427, 640)):
        image = rng.integers(0, 256, (*shape, 3), dtype=np.uint8)
        expected = step.transform(dict(img=image, img_shape=shape))
        (scale,), feeds = detector.prepare([image])
        height, width = feeds['sizes'][0]
        assert (width, height) == tuple(expected['input_size'])
        found = feeds['images'][0, :, :height, :width].transpose(1, 2, 0)
        np.testing.assert_array_equal(found, expected['img'])
        corner = InstanceData(keypoints=torch.tensor([[[7.0, 9]]]), bboxes=torch.zeros(1, 4))
        meta = {k: expected[k] for k in ('input_size', 'input_center', 'input_scale')}
        back = to_original_pixels(corner, meta).keypoints[0, 0].numpy()
        np.testing.assert_allclose(np.array([7, 9]) * scale - detector.shift, back, atol=1e-3)


@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        (['--int8', 'nowhere'], '--int8 nowhere holds no images'),
        (['--int8', 'nowhere', '--no-nms'], 'leave --no-nms out'),
    ],
)
def test_what_cannot_be_calibrated(branches, tmp_path, arguments, words):
    done = call('export_onnx', *branches, tmp_path / 'int8.onnx', *arguments)
    assert done.returncode == 1 and words in done.stderr, done.stderr


def test_openvino(exported, synthetic_set):
    pytest.importorskip('openvino', reason='OpenVINO is not installed')
    image = cv2.imread(str(next((synthetic_set / 'images').iterdir())))
    expected, found = (
        OnnxDetector(str(exported), engine=engine)([image])[0]
        for engine in ('onnxruntime', 'openvino')
    )
    np.testing.assert_allclose(found['scores'], expected['scores'], atol=1e-4)
    np.testing.assert_allclose(found['keypoints'], expected['keypoints'], atol=1e-2)


def test_people_are_given_in_pixels_of_the_image():
    """Half its size, by areas of pixels: cell 8 is the middle of pixels 16 and 15."""
    detector = object.__new__(OnnxDetector)
    areas = dict(shift=0.5, rounding=0.5)
    detector.set_facts(dict(short_side=32, long_side=64, padding=[0] * 3, pixel_areas=areas))
    one = np.float32([[8, 8, 8, 8]]), np.ones(1), np.zeros(1), np.float32([[[8, 8, 1]]])
    detector.run = lambda _: (np.zeros(1), *one)
    (found,) = detector([np.zeros((64, 64, 3), np.uint8)])
    assert found['boxes'].tolist() == [[15.5] * 4]
    assert found['keypoints'].tolist() == [[[15.5, 15.5, 1]]]


def test_without_torch(exported, synthetic_set, tmp_path):
    """What runs the model is one file that can be copied, as the README says."""
    script = f"""
import sys
sys.modules['torch'] = sys.modules['directpose'] = None
import sys

import cv2
from onnx_detector import OnnxDetector
image = cv2.imread({str(next((synthetic_set / 'images').iterdir()))!r})
print(OnnxDetector({str(exported)!r})([image])[0]['keypoints'].shape)
"""
    shutil.copy(ROOT / 'projects/directpose/deploy/onnx_detector.py', tmp_path)
    done = run(sys.executable, '-c', script, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith(', 17, 3)\n')


@pytest.mark.parametrize(
    ('option', 'words'),
    [
        ('model.data_preprocessor.pad_size_divisor=64', 'pad_size_divisor 32'),
        (
            'test_dataloader.dataset.pipeline.1.type=Resize',
            'by LoadImageFile, Resize,',
        ),
        ('tta_model.type=PoseTTA', 'tests several forms of each'),
    ],
)
def test_what_is_prepared_otherwise_is_refused(option, words, trained, tmp_path):
    arguments = [ROOT / CONFIG, trained / 'epoch_1.pth', tmp_path / 'x', '--cfg-options', option]
    done = call('export_onnx', *arguments)
    assert done.returncode == 1 and words in done.stderr
    assert not (tmp_path / 'x').exists()


def test_candidates_without_suppression(branches, exported, synthetic_set, tmp_path):
    """They are what the suppression chooses from, class by class."""
    model = load_trained(Config.fromfile(branches[0]), branches[1], 'cpu')
    image = cv2.imread(str(next((synthetic_set / 'images').iterdir())))[:256, :256]
    pixels, sizes = np.zeros((1, 3, 256, 256), np.float32), np.array([image.shape[:2]])
    pixels[0, :, : image.shape[0], : image.shape[1]] = image.transpose(2, 0, 1)
    with torch.no_grad():
        everybody = ExportableDirectPose(model, with_nms=False)
        _, boxes, scores, labels, keypoints = everybody(*map(torch.from_numpy, (pixels, sizes)))
    feeds = dict(images=pixels, sizes=sizes)
    _, _, best, _, people = InferenceSession(str(exported)).run(None, feeds)
    kept = batched_nms(boxes, scores, labels, model.bbox_head.test_cfg['iou_thr'])
    kept = kept[: model.bbox_head.test_cfg['max_per_img']]
    assert len(scores) > len(kept) > 20
    np.testing.assert_allclose(scores[kept], best, atol=1e-5)
    np.testing.assert_allclose(keypoints[kept], people, atol=1e-3)


def test_files_that_are_not_for_the_detector(strict, tmp_path):
    with pytest.raises(ValueError, match='was exported with --no-nms'):
        OnnxDetector(str(strict))
    model = onnx.load(strict)
    model.ClearField('metadata_props')
    onnx.save(model, tmp_path / 'x')
    with pytest.raises(ValueError, match='was not written by directpose export'):
        OnnxDetector(str(tmp_path / 'x'))
