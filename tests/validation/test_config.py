"""Bad input ends in one sentence that names the file, the record and the field."""

import errno
import json
import re
import shutil
from pathlib import Path
from unittest import mock

import cv2
import numpy as np
import pytest
import torch
from directpose.datasets.metainfo import parse_metainfo
from directpose.evaluation import FastCocoMetric
from directpose.models import KPAlign
from directpose.utils.config import merge_options, read_config
from directpose.utils.errors import InputError, StorageError, sentence_of
from directpose.utils.images import check_images, image_facts, image_problem
from directpose.validation.coco_json import check_annotations
from directpose.validation.config import check_config, ensure_writable_dir
from directpose.weights.checkpoint import check_checkpoint
from helpers.commands import CONFIG, ROOT, call
from mmengine.config import Config
from PIL import Image

COCO = parse_metainfo(dict(from_file='configs/_base_/datasets/coco.py'))


def annotation(**changes):
    result = dict(
        id=7, image_id=1, category_id=1, bbox=[0, 0, 5, 5], area=20, keypoints=[1, 1, 2] * 17
    )
    result.update(changes)
    return {k: v for k, v in result.items() if v is not None}


def write(path, records=(), **changes):
    image = dict(id=1, file_name='a.jpg', width=10, height=10)
    image.update(changes.pop('image', {}))
    coco = dict(images=[image], annotations=list(records), categories=[dict(id=1)]) | changes
    path.write_text(json.dumps({k: v for k, v in coco.items() if v is not None}))
    return str(path)


@pytest.mark.parametrize(
    ('record', 'words'),
    [
        (annotation(keypoints=None), 'has no keypoints'),
        (annotation(bbox=None), 'has no bbox'),
        (
            annotation(keypoints=[1, 1, 2] * 14),
            '14 keypoints, but the metainfo of the dataset has 17',
        ),
        (annotation(keypoints=[float('nan'), 1, 2] * 17), 'not finite in keypoints'),
        (annotation(bbox=[0, 0, float('inf'), 5]), 'not finite in bbox'),
        (annotation(area=float('nan')), 'not finite in area'),
        (annotation(bbox=[0, 0, -5, 5]), 'a negative size: bbox [0, 0, -5, 5]'),
        (annotation(area=-1), 'a negative size'),
        (annotation(keypoints=['a', 1, 2] * 17), 'something else than numbers in keypoints'),
        (annotation(area='large'), "has 'large' as its area; that must be a number"),
        (annotation(bbox=[0, 0, 5]), 'has 3 numbers in bbox, not x'),
        (annotation(category_id=3), 'has category_id 3; the model knows 1'),
        (annotation(image_id=2), "names an image that is not in 'images'"),
        (annotation(image_id='1'), "has '1' as its image_id; that must be a whole number"),
    ],
)
def test_bad_annotation(tmp_path, record, words):
    path = write(tmp_path / 'coco.json', [annotation(id=1), record])
    with pytest.raises(InputError) as error:
        check_annotations(path, COCO)
    message = str(error.value)
    assert words in message and path in message and '\n' not in message
    assert f'annotation 7 of image {record["image_id"]!r}' in message


@pytest.mark.parametrize(
    ('changes', 'words'),
    [
        (dict(annotations=None), "no list 'annotations'"),
        (dict(images=None), "no list 'images'"),
        (dict(categories=None), "no list 'categories'"),
        (dict(image=dict(width=0)), 'image 1 has width 0 and height 10'),
        (dict(image=dict(height=-3)), 'image 1 has width 10 and height -3'),
        (dict(image=dict(id='x1')), "image 'x1' has 'x1' as its id; that must be a whole number"),
        (
            dict(images=[dict(id=3, file_name='a.jpg', width=1, height=1)] * 2),
            '2 images have the id 3, and 1 ids in all are not unique',
        ),
        (dict(records=[annotation()] * 3), '3 annotations have the id 7'),
    ],
)
def test_bad_file(tmp_path, changes, words):
    with pytest.raises(InputError, match=words):
        check_annotations(write(tmp_path / 'coco.json', **changes), COCO)


def test_missing_and_broken_json(tmp_path):
    with pytest.raises(InputError, match=r'cannot read .*nowhere\.json \(No such file'):
        check_annotations(str(tmp_path / 'nowhere.json'), COCO)
    (tmp_path / 'half.json').write_text('{"images": [')
    with pytest.raises(InputError, match=r'half\.json is not JSON'):
        check_annotations(str(tmp_path / 'half.json'), COCO)


@pytest.mark.parametrize('mark', [b'', b'\xef\xbb\xbf'])
def test_a_good_file_passes(mark, tmp_path):
    """Also with the byte order mark that programs of Windows write."""
    path = write(tmp_path / 'coco.json', [annotation()])
    Path(path).write_bytes(mark + Path(path).read_bytes())
    assert check_annotations(path, COCO)['annotations'] == [annotation()]


@pytest.mark.parametrize('suffix', ['.jpg', '.png', '.bmp', '.webp', '.tif'])
def test_truncated_images(tmp_path, suffix):
    path = tmp_path / f'image{suffix}'
    noise = np.random.default_rng(0).integers(0, 255, (80, 80, 3), dtype=np.uint8)
    cv2.imwrite(str(path), noise)
    assert image_problem(str(path)) is None
    whole = path.read_bytes()
    for appended in (b'a little', b'a film ' * 10000):
        path.write_bytes(whole + appended)
        assert image_problem(str(path)) is None
    for half in (whole[: len(whole) // 2], whole[: len(whole) // 2] + b'a little'):
        path.write_bytes(half)
        assert image_problem(str(path)).startswith('is truncated')
    path.write_bytes(b'<html>404 Not Found</html>')
    assert image_problem(str(path)) == 'is truncated or not an image that OpenCV reads'
    path.write_bytes(b'')
    assert image_problem(str(path)) == 'is empty'


def test_a_png_of_several_chunks(tmp_path):
    """Where a chunk is broken, Pillow ends in a SyntaxError."""
    path = tmp_path / 'image.png'
    noise = np.random.default_rng(0).integers(0, 255, (300, 300, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    whole = path.read_bytes()
    assert whole.count(b'IDAT') > 2 and image_problem(str(path)) is None
    second = whole.index(b'IDAT', whole.index(b'IDAT') + 4)
    for broken in (whole[:second] + bytes(len(whole) - second), whole[: second - 2]):
        path.write_bytes(broken)
        assert image_problem(str(path)) == 'is truncated'


def test_annotations_of_a_photo_that_is_not_upright(tmp_path):
    path, exif = str(tmp_path / 'phone.jpg'), Image.Exif()
    exif[274] = 6  # a quarter turn
    Image.fromarray(np.zeros((30, 40, 3), np.uint8)).save(path, exif=exif)
    assert cv2.imread(path).shape == (40, 30, 3)
    check_images([path], [(30, 40)])
    with pytest.raises(InputError, match='turned by its EXIF to 30 × 40 pixels, and its annotat'):
        check_images([path], [(40, 30)])


def test_images_of_another_size_than_their_annotations_say(tmp_path, caplog, monkeypatch):
    """Many sets have wrong sizes and right keypoints: it is told, and the training goes on."""
    path = str(tmp_path / 'a.png')
    Image.fromarray(np.zeros((30, 40, 3), np.uint8)).save(path)
    told = mock.Mock()
    monkeypatch.setattr('directpose.utils.images.print_log', told)
    check_images([path], [(40, 30)])
    assert not told.called
    check_images([path, path], [(40, 30), (80, 60)])
    assert '1 of 2 images have another size' in told.call_args[0][0]
    assert 'a.png has 40 × 30 pixels, and its annotations say 80 × 60' in told.call_args[0][0]


@pytest.mark.parametrize('suffix', ['png', 'webp', 'tif'])
def test_other_formats_are_turned_as_opencv_does(suffix, tmp_path, monkeypatch):
    path, exif = str(tmp_path / f'phone.{suffix}'), Image.Exif()
    exif[274] = 6
    Image.fromarray(np.zeros((30, 40, 3), np.uint8)).save(path, exif=exif)
    told = mock.Mock()
    monkeypatch.setattr('directpose.utils.images.print_log', told)
    height, width = cv2.imread(path).shape[:2]
    check_images([path], [(width, height)])
    assert not told.called
    if width == 30 and suffix != 'tif':  # whose size Pillow turns itself
        with pytest.raises(InputError, match='turned by its EXIF'):
            check_images([path], [(40, 30)])


def test_pixels_are_not_decoded(tmp_path, monkeypatch):
    """A hundred thousand PNGs would take hours."""
    path = str(tmp_path / 'a.png')
    Image.fromarray(np.zeros((30, 40, 3), np.uint8)).save(path)
    monkeypatch.setattr('PIL.ImageFile.ImageFile.load', mock.Mock(side_effect=AssertionError))
    assert image_facts(path) == (None, (40, 30), (40, 30))


@pytest.mark.parametrize('name', ['x' * 300 + '.jpg', 'a\0b.jpg', '', '.'])
def test_names_without_a_file(name):
    assert re.match(r'cannot be read \(|is no name', image_problem(name))


def test_a_storage_that_fails_is_told_from_a_file_that_is_not_there(tmp_path):
    path = tmp_path / 'image.jpg'
    path.write_bytes(b'\xff\xd8 and no end')
    for place in ('directpose.utils.images.open', 'PIL.Image.open'):
        failing = mock.MagicMock(side_effect=OSError(errno.EIO, 'Input/output error'))
        with (
            mock.patch(place, failing, create=True),
            pytest.raises(StorageError, match='call again'),
        ):
            image_problem(str(path))
    opened = mock.mock_open()
    opened.return_value.read.side_effect = OSError(errno.ESTALE, 'Stale file handle')
    with (
        mock.patch('directpose.utils.images.open', opened, create=True),
        pytest.raises(StorageError, match=r'image\.jpg \(Stale file handle\)'),
    ):
        check_images([str(path)], [(640, 480)])


def test_broken_images_are_counted(tmp_path, synthetic_set):
    images = sorted((synthetic_set / 'images').iterdir())
    paths = [str(shutil.copy(p, tmp_path)) for p in images[:4]]
    check_images(paths, [(320, 256)] * 4)
    missing = str(tmp_path / 'gone.jpg')
    with open(paths[2], 'r+b') as file:
        file.truncate(1000)
    with pytest.raises(InputError) as error:
        check_images([*paths, missing], [(320, 256)] * 5)
    assert '2 of 5 images' in str(error.value) and f'{paths[2]} is truncated' in str(error.value)
    with pytest.raises(InputError, match=r'gone\.jpg cannot be read \(No such file'):
        check_images([missing], [(320, 256)])


@pytest.fixture
def config(root, synthetic_set, tmp_path):
    config = Config.fromfile(
        root / 'configs/directpose/directpose_tiny_1xb4-5e_synthetic-256x320.py'
    )
    for split in ('train', 'val', 'test'):
        config[f'{split}_dataloader'].dataset.data_root = f'{synthetic_set}/'
    for split in ('val', 'test'):
        config[f'{split}_evaluator'].ann_file = f'{synthetic_set}/annotations/val.json'
    config.work_dir = str(tmp_path / 'work')
    return config


def test_a_good_config_passes(config):
    check_config(config, ('train', 'val', 'test'))


def test_a_test_without_data(config):
    config.test_dataloader = config.test_evaluator = config.test_cfg = None
    with pytest.raises(InputError, match="test_dataloader is 'None' instead of a dict"):
        check_config(config, ('test',))


def test_a_set_without_labelled_keypoints(config, synthetic_set, tmp_path):
    coco = json.loads((synthetic_set / 'annotations/train.json').read_text())
    for person in coco['annotations']:
        person['keypoints'] = [0] * 51
    (tmp_path / 'none.json').write_text(json.dumps(coco))
    config.train_dataloader.dataset.ann_file = str(tmp_path / 'none.json')
    with pytest.raises(InputError, match='nobody, crowds aside, has a labelled keypoint in'):
        check_config(config, ('train', 'val'))


def test_a_training_needs_no_image_without_people(config, synthetic_set, tmp_path):
    """COCO's file names all images of train2017; half of them show nobody."""
    coco = json.loads((synthetic_set / 'annotations/train.json').read_text())
    coco['images'].append(dict(id=10**6, file_name='not_there.jpg', width=10, height=10))
    (tmp_path / 'more.json').write_text(json.dumps(coco))
    config.train_dataloader.dataset.ann_file = str(tmp_path / 'more.json')
    check_config(config, ('train',))
    config.test_dataloader.dataset.ann_file = str(tmp_path / 'more.json')
    config.test_evaluator.ann_file = str(tmp_path / 'more.json')
    with pytest.raises(InputError, match=r'1 of \d+ images .*not_there\.jpg'):
        check_config(config, ('test',))
    with pytest.raises(InputError, match=r'1 of \d+ images .*not_there\.jpg'):
        check_config(config, ('train', 'test'))


def test_other_keypoints_than_the_dataset(config):
    config.model.metainfo.from_file = 'configs/_base_/datasets/crowdpose.py'
    words = r'predicts 14 keypoints, but the metainfo of CocoKeypointDataset \(coco\) has 17'
    with pytest.raises(InputError, match=words):
        check_config(config, ('train',))
    config.model.metainfo.from_file = 'configs/_base_/datasets/posetrack18.py'
    words = r'head_bottom as keypoint 1, but in .* CocoKeypointDataset \(coco\) .* left_eye'
    with pytest.raises(InputError, match=words):
        check_config(config, ('train',))


def test_configs_that_cannot_be_read(tmp_path):
    with pytest.raises(InputError, match=r'cannot read the config no/such\.py'):
        read_config('no/such.py')
    (tmp_path / 'bad.py').write_text('model = dict(')
    with pytest.raises(InputError, match=r'bad\.py is no config that mmengine can read'):
        read_config(str(tmp_path / 'bad.py'))
    for text in ("custom_imports = dict(imports=['no_such_package'])", 'a = no_such_name', '1 / 0'):
        (tmp_path / 'own.py').write_text(text)
        with pytest.raises(InputError, match=r'own\.py is no config that mmengine can read'):
            read_config(str(tmp_path / 'own.py'))
    (tmp_path / 'empty.py').write_text('data = 1')
    with pytest.raises(InputError, match=r'empty\.py has no model'):
        read_config(str(tmp_path / 'empty.py'))


def test_a_converted_skeleton(config):
    """mmpose's way to train on sets of several skeletons."""
    config.model.bbox_head.kpt_predictor.groups = None
    config.model.metainfo.from_file = 'configs/_base_/datasets/posetrack18.py'
    converter = dict(
        type='KeypointConverter', num_keypoints=17, mapping=[(k, k) for k in range(17)]
    )
    config.train_dataloader.dataset.pipeline.insert(1, converter)
    check_config(config, ('train',))
    with pytest.raises(InputError, match='head_bottom as keypoint 1'):
        check_config(config, ('val',))


def test_results_in_the_place_of_annotations(config, tmp_path):
    path = tmp_path / 'results.json'
    path.write_text('[]')
    config.val_dataloader.dataset.ann_file = config.val_evaluator.ann_file = str(path)
    with pytest.raises(InputError, match=r"results\.json has no list 'images'"):
        check_config(config, ('val',))


def test_an_evaluator_of_other_annotations(config):
    config.val_evaluator.ann_file = 'data/coco/other.json'
    check_config(config, ('train', 'test'))
    with pytest.raises(InputError, match=r'val_evaluator\.ann_file is data/coco/other\.json, but'):
        check_config(config, ('val',))


def test_wrapped_datasets_are_checked_too(config):
    loader = config.train_dataloader
    loader.dataset = dict(type='RepeatDataset', times=2, dataset=loader.dataset)
    check_config(config, ('train',))
    loader.dataset.dataset.ann_file = 'nowhere.json'
    with pytest.raises(InputError, match='cannot read'):
        check_config(config, ('train',))


def test_metrics_of_several_datasets(config, synthetic_set, tmp_path):
    """One may be of one of them, or read a file of them all."""
    coco = json.loads((synthetic_set / 'annotations/val.json').read_text())
    loader, parts = config.val_dataloader, []
    for number in range(2):
        images = coco['images'][number::2]
        part = coco | dict(images=images)
        ids = {image['id'] for image in images}
        part['annotations'] = [a for a in coco['annotations'] if a['image_id'] in ids]
        (tmp_path / f'{number}.json').write_text(json.dumps(part))
        parts.append({**loader.dataset, 'ann_file': str(tmp_path / f'{number}.json')})
    loader.dataset = dict(type='ConcatDataset', datasets=parts)
    check_config(config, ('train', 'val'))
    config.val_evaluator = dict(metrics=[config.val_evaluator])  # of mmengine's Evaluator
    check_config(config, ('train', 'val'))
    loader.dataset = parts[0]
    with pytest.raises(InputError, match='set both to the same file'):
        check_config(config, ('train', 'val'))


def test_a_training_without_validation(config):
    config.val_dataloader = config.val_evaluator = config.val_cfg = None
    check_config(config, ('train', 'val'))


def test_classes_in_the_place_of_their_names(config):
    config.model.bbox_head.kpt_predictor.type = KPAlign
    config.val_evaluator.type = FastCocoMetric
    check_config(config, ('train', 'val'))


def test_a_work_dir_that_cannot_be_written(config, tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(InputError, match=r'cannot write to the folder .*--work-dir'):
        ensure_writable_dir(str(tmp_path / 'file' / 'below'))
    config.work_dir = '/proc/nobody/can/write/here'
    with pytest.raises(InputError, match='cannot write'):
        check_config(config, ('train',))


def test_checkpoints(tmp_path):
    model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Linear(3, 1))
    weights = model.state_dict()
    good = tmp_path / 'good.pth'
    torch.save(dict(state_dict=weights, meta={}), good)
    check_checkpoint(str(good), model)
    torch.save(weights, good)
    check_checkpoint(str(good), model)

    bad = tmp_path / 'bad.pth'
    torch.save({**weights, '0.weight': torch.ones(5, 2), 'other': torch.ones(1)}, bad)
    with pytest.raises(InputError) as error:
        check_checkpoint(str(bad), model)
    message = str(error.value)
    assert '0.weight is (5, 2), in the model (3, 2)' in message
    assert 'other is not in the model' in message and 'another model or skeleton' in message

    with pytest.raises(InputError, match='cannot read the checkpoint'):
        check_checkpoint(str(tmp_path / 'nowhere.pth'), model)
    bad.write_text('not a checkpoint')
    with pytest.raises(InputError, match='is not a checkpoint of plain weights'):
        check_checkpoint(str(bad), model)
    torch.save(torch.ones(3), bad)
    with pytest.raises(InputError, match='is not a checkpoint of plain weights'):
        check_checkpoint(str(bad), model)


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        (dict(model=3), "model is '3' instead of a dict"),
        (dict(work_dir=None), "work_dir is 'None' instead of a path"),
        (dict(train_dataloader=None), "train_dataloader is 'None' instead of a dict"),
        (dict(train_dataloader=dict(dataset=None)), "train_dataloader.dataset is 'None'"),
        (
            dict(train_dataloader=dict(batch_size='4')),
            "train_dataloader.batch_size is '4' instead of a whole number",
        ),
        (dict(model=dict(bbox_head=[])), "model.bbox_head is '[]' instead of a dict"),
        (dict(model=dict(metainfo=None)), "model.metainfo is 'None' instead of a dict"),
    ],
)
def test_parts_of_a_config(change, words):
    cfg = Config.fromfile(ROOT / CONFIG)
    cfg.work_dir = 'nowhere'
    for name, value in change.items():
        cfg[name] = {**cfg[name], **value} if isinstance(value, dict) else value
    with pytest.raises(InputError, match=re.escape(words)) as error:
        check_config(cfg, ('train',))
    assert CONFIG in str(error.value) and not Path('nowhere').exists()


@pytest.mark.parametrize(
    ('key', 'value', 'words'),
    [
        ('model.type', 'DirectPse', 'model cannot be built: KeyError .*DirectPse is not in the'),
        ('model.neck.in_channels', 3, r'model cannot be built: DirectPose > FPN: AssertionError '),
        ('model.backbone.depth', 42, r'DirectPose > ResNet: KeyError .*invalid depth 42'),
        ('model.bbox_head.no_such', 1, "TypeError .*unexpected keyword argument 'no_such'"),
        (
            'train_dataloader.dataset.no_such',
            1,
            'train_dataloader.dataset cannot be built: CocoKeypointDataset: TypeError ',
        ),
        (
            'train_dataloader.dataset.pipeline',
            [dict(type='LodImage')],
            'train_dataloader.dataset cannot be built: .*LodImage is not in',
        ),
        ('train_dataloader.dataset.data_prefix', {'_delete_': 1}, "data_prefix has no 'img'"),
    ],
)
def test_a_value_that_a_class_refuses(config, key, value, words):
    config.merge_from_dict({key: value})
    with pytest.raises(InputError, match=words) as error:
        check_config(config, ('train',))
    message = str(error.value)
    assert CONFIG in message and '\n' not in message and len(message) < 600


@pytest.mark.parametrize(
    ('option', 'words'),
    [
        ('lr', 'lr at the top of a config; did you mean optim_wrapper.optimizer.lr?'),
        ('batch_size', 'did you mean train_dataloader.batch_size or val_dataloader.batch_size or'),
        (
            'max_epochs',
            'the top of a config; did you mean train_cfg.max_epochs?',
        ),
        ('data_root', 'did you mean train_dataloader.dataset.data_root or val_dataloader.dataset.'),
        ('test_cfgs', 'nothing reads test_cfgs at the top of a config; did you mean test_cfg?'),
        ('no_such', 'nothing reads no_such at the top of a config'),
        ('train_cfg.max_epoch', 'there is no max_epoch; did you mean max_epochs?'),
        ('model.test_cfg.score_thrr', 'there is no score_thrr; did you mean score_thr?'),
        ('default_hooks.checkpoints.interval', 'did you mean checkpoint?'),
        ('custom_hooks.0.typ', 'there is no typ; did you mean type?'),
    ],
)
def test_options_that_nothing_would_read(option, words):
    cfg = read_config(ROOT / CONFIG)
    before = cfg.pretty_text
    with pytest.raises(InputError, match=re.escape(words)) as error:
        merge_options(cfg, {option: 1})
    assert str(error.value).startswith(f'--cfg-options {option}: ')
    assert cfg.pretty_text == before


@pytest.mark.parametrize(
    'option',
    [
        'optim_wrapper.optimizer.lr',
        'optim_wrapper.clip_grad.max_norm',
        'find_unused_parameters',
        'custom_hooks.0.priority',
        'resume',
        'strategy.type',
    ],
)
def test_options_may_be_new(option):
    cfg = read_config(ROOT / CONFIG)
    merge_options(cfg, {option: 1})
    for name in option.split('.'):
        cfg = cfg[int(name) if name.isdecimal() else name]
    assert cfg == 1


def test_what_is_read_after_the_first_epoch(config):
    """Found then, an epoch would be lost."""
    for best in ('coco/AP', 'auto', None, ['coco/AP', 'coco/AR']):
        config.default_hooks.checkpoint.save_best = best
        check_config(config, ('train', 'val'))
    for best in ('AP', ['coco/AP', 'coc/AR']):
        config.default_hooks.checkpoint.save_best = best
        with pytest.raises(InputError, match=r"begin with coco/; give .* for example 'coco/AP'"):
            check_config(config, ('train', 'val'))
    config.default_hooks.checkpoint.save_best = 'pose/AP'
    config.val_evaluator.prefix = 'pose'
    check_config(config, ('train', 'val'))
    for interval in (0, -1, '2'):
        config.train_cfg.val_interval = interval
        with pytest.raises(InputError, match=r'train_cfg\.val_interval is .* at least 1'):
            check_config(config, ('train', 'val'))


@pytest.mark.parametrize('tool', ['train', 'test', 'demo', 'infer', 'export_onnx'])
def test_options_that_do_not_fit(tool, tmp_path):
    arguments = dict(train=[], test=['x.pth'], export_onnx=['x.pth', tmp_path / 'x.onnx'])
    given = arguments.get(tool, ['x.pth', ROOT / 'docs', '--out', tmp_path / 'out'])
    done = call(tool, ROOT / CONFIG, *given, '--cfg-options', 'model.backbone.init_cfg.type=x')
    assert done.returncode == 1
    assert done.stderr.startswith('error: --cfg-options do not fit the config: init_cfg')


def test_pipelines_and_samplers_that_do_not_fit(config):
    loader = config.train_dataloader
    steps = {step['type']: step for step in loader.dataset.pipeline}
    old = [*steps.values()]
    old.append(old.pop(old.index(steps['PseudoBoxes'])))
    loader.dataset.pipeline = old
    with pytest.raises(InputError, match='PseudoBoxes must stand before RandomFlip'):
        check_config(config, ('train',))
    loader.dataset.pipeline = [*steps.values()]
    loader.batch_sampler = dict(type='mmdet.AspectRatioBatchSampler')
    check_config(config, ('train',))
    loader.dataset.type = 'CocoDataset'
    with pytest.raises(InputError, match='needs the sizes of images, which CocoDataset does not'):
        check_config(config, ('train',))


def test_the_sentence_of_a_process_of_the_loader():
    error = InputError('x.jpg is empty; restore it')
    text = 'Caught InputError in DataLoader worker process 0.\nOriginal Traceback (most recent'
    text += f' call last):\n  File "x.py"\ndirectpose.utils.errors.InputError: {error}\n'
    assert sentence_of(InputError(text)) == str(error)
    assert sentence_of(error) == str(error)
