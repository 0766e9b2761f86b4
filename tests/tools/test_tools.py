"""The tools, as a user calls them, and mim's own commands with our configs."""

import json
import shutil

import cv2
import numpy as np
import pytest
import torch
from directpose.apis.video import VideoWriter, frames, open_video
from directpose.utils.errors import INCOMPLETE, InputError
from helpers.commands import CONFIG, ROOT, call, data_options, load_tool, python
from mmengine.config import Config
from pycocotools.coco import COCO


def test_training_leaves_a_checkpoint_and_pictures(trained):
    assert (trained / 'epoch_1.pth').exists()
    pictures = list(trained.glob('*/vis_data/vis_image/*.png'))
    assert pictures and cv2.imread(str(pictures[0])).std() > 10


def test_resume(trained, synthetic_set, tmp_path):
    shutil.copytree(trained, tmp_path / 'work')
    done = python(
        'tools/train.py',
        CONFIG,
        '--work-dir',
        tmp_path / 'work',
        '--resume',
        '--cfg-options',
        *data_options(synthetic_set),
        'train_cfg.max_epochs=2',
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert 'resumed epoch: 1' in done.stdout + done.stderr
    assert (tmp_path / 'work/epoch_2.pth').exists()


@pytest.mark.parametrize('tool', ['train', 'test', 'demo'])
def test_an_option_without_a_value(tool, capfd):
    named = dict(train=[], test=['no.pth'], demo=['no.pth', 'no.jpg'])[tool]
    done = call(tool, CONFIG, *named, '--cfg-options', 'foo')
    said = done.stderr + capfd.readouterr().err
    assert done.returncode == 2 and "'foo' is not of the form key=value" in said


def test_weights_that_are_not_finite(trained, synthetic_set, tmp_path):
    checkpoint = torch.load(trained / 'epoch_1.pth', weights_only=True)
    checkpoint['state_dict']['bbox_head.conv_cls.bias'][:] = float('nan')
    torch.save(dict(state_dict=checkpoint['state_dict']), tmp_path / 'nan.pth')
    options = ['--work-dir', tmp_path, '--cfg-options', *data_options(synthetic_set)]
    done = call('test', CONFIG, tmp_path / 'nan.pth', *options)
    assert done.returncode == 1, done.stderr
    assert '1 of its weights are not finite, bbox_head.conv_cls.bias first' in done.stderr


def test_a_dump_beside_an_option_of_the_evaluator(trained, synthetic_set, tmp_path):
    """With the first, mmpose makes a list of the second."""
    options = ['--work-dir', tmp_path, '--cfg-options', *data_options(synthetic_set)]
    options.append(f'test_evaluator.outfile_prefix={tmp_path}/results')
    checkpoint = trained / 'epoch_1.pth'
    done = call('test', CONFIG, checkpoint, '--dump', tmp_path / 'dump.pkl', *options)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / 'dump.pkl').is_file() and (tmp_path / 'results.keypoints.json').is_file()
    done = call('test', CONFIG, checkpoint, '--dump', tmp_path / 'dump.json', *options)
    assert done.returncode == 1 and 'let its name end in .pkl' in done.stderr


def test_test_writes_metrics_and_results(trained, synthetic_set, tmp_path):
    done = python(
        'tools/test.py',
        CONFIG,
        trained / 'epoch_1.pth',
        '--work-dir',
        tmp_path,
        '--out',
        tmp_path / 'metrics.json',
        '--show-dir',
        'pictures',
        '--cfg-options',
        *data_options(synthetic_set),
        'model.test_cfg.score_thr=0.0',
        f'test_evaluator.outfile_prefix={tmp_path}/results',
    )
    assert done.returncode == 0, done.stderr[-3000:]
    metrics = json.loads((tmp_path / 'metrics.json').read_text())
    assert 0 <= metrics['coco/AP'] <= 1
    results = json.loads((tmp_path / 'results.keypoints.json').read_text())
    assert len(results) > 4 and len(results[0]['keypoints']) == 51
    assert len(list(tmp_path.glob('*/pictures/*.jpg'))) == 4


def test_demo_goes_on_after_a_broken_image(trained, synthetic_set, tmp_path):
    folder = tmp_path / 'images'
    shutil.copytree(synthetic_set / 'images', folder)
    names = sorted(p.name for p in folder.iterdir())
    (folder / names[0]).write_bytes(b'no image')
    half = (folder / names[1]).read_bytes()
    (folder / names[1]).write_bytes(half[: len(half) // 2])
    out = tmp_path / 'out'
    done = python(
        'tools/demo.py',
        CONFIG,
        trained / 'epoch_1.pth',
        folder,
        folder / '*02.jpg',
        '--out',
        out,
        '--score-thr',
        0.0,
        '--cfg-options',
        'model.test_cfg.score_thr=0.0',
    )
    assert done.returncode == INCOMPLETE, done.stderr[-3000:]
    assert f'skipped: {folder / names[0]} is truncated or not an image' in done.stderr
    assert f'2 of {len(names)} inputs could not be used' in done.stderr
    assert f'skipped: {folder / names[1]} is truncated' in done.stderr
    assert f'in {len(names) - 2} images' in done.stdout
    assert len(list(out.glob('*.jpg'))) == len(names) - 2
    coco = COCO(str(out / 'predictions.json'))
    assert len(coco.imgs) == len(names) - 2 and len(coco.anns) > 0
    found = next(iter(coco.anns.values()))
    assert len(found['keypoints']) == 51 and 0 < found['score'] <= 1 and len(found['bbox']) == 4


def images_of_all_kinds(folder, picture):
    """Write a picture as grayscale, RGBA, 16-bit and CMYK."""
    from PIL import Image

    cv2.imwrite(str(folder / 'gray.png'), picture[..., 0])
    cv2.imwrite(str(folder / 'rgba.png'), np.dstack([picture, np.full_like(picture[..., 0], 128)]))
    cv2.imwrite(str(folder / 'deep.png'), picture.astype(np.uint16) * 257)
    rgb = Image.fromarray(picture[..., ::-1])
    rgb.convert('CMYK').save(folder / 'cmyk.jpg', quality=95)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown turned by 90 degrees
    rgb.save(folder / 'turned.jpg', exif=exif, quality=95)


def test_images_of_all_kinds_are_read_as_opencv_reads_them(tmp_path, trained):
    from directpose.apis.inference import detect, load_model, read_image

    rng = np.random.default_rng(0)
    picture = cv2.resize(rng.integers(0, 255, (6, 8, 3), dtype=np.uint8), (96, 64))
    images_of_all_kinds(tmp_path, picture)
    model = load_model(str(ROOT / CONFIG), str(trained / 'epoch_1.pth'), 'cpu')
    for name in ('gray.png', 'rgba.png', 'deep.png', 'cmyk.jpg', 'turned.jpg'):
        image = read_image(str(tmp_path / name))
        sample = detect(model, image, 0.0)
        assert image.dtype == np.uint8
        assert image.shape == ((96, 64, 3) if name == 'turned.jpg' else (64, 96, 3))
        assert sample.ori_shape == image.shape[:2]
        if name in ('rgba.png', 'deep.png'):
            assert np.array_equal(image, picture)


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        ('train_dataloader.dataset.ann_file=annotations/nowhere.json', 'cannot read'),
        ('train_dataloader.dataset.data_prefix.img=nowhere/', '8 of 8 images cannot be used'),
        ('model.bbox_head.kpt_predictor.groups=[[0,1]]', 'miss [2, 3, 4, 5'),
        ('model.bbox_head.num_keypoints=14', 'num_keypoints is 14, but model.metainfo (coco)'),
    ],
)
def test_train_tells_what_is_wrong(synthetic_set, tmp_path, change, words):
    options = ['--cfg-options', *data_options(synthetic_set), change]
    done = call('train', ROOT / CONFIG, '--work-dir', tmp_path, *options)
    assert done.returncode == 1
    assert done.stderr.startswith('error: ') and words in done.stderr


def test_a_config_that_is_not_there():
    done = python('tools/train.py', 'configs/nope.py')
    assert done.returncode == 1 and 'cannot read the config configs/nope.py' in done.stderr
    assert 'Traceback' not in done.stderr


def test_a_checkpoint_of_another_model_is_refused(trained, synthetic_set, tmp_path):
    image = synthetic_set / 'images/000001.jpg'
    other = 'model.backbone.base_channels=16'
    arguments = dict(test=['--work-dir', tmp_path], demo=[image, '--out', tmp_path])
    for tool, extra in arguments.items():
        done = call(
            tool,
            CONFIG,
            trained / 'epoch_1.pth',
            *extra,
            '--cfg-options',
            *data_options(synthetic_set),
            other,
            'model.neck.in_channels=[16,32,64,128]',
        )
        assert done.returncode == 1 and 'is of another model or skeleton' in done.stderr


def test_demo_names_an_input_that_is_not_there(trained, tmp_path):
    done = call('demo', ROOT / CONFIG, trained / 'epoch_1.pth', tmp_path / 'no*.jpg')
    assert done.returncode == 1 and 'names no image' in done.stderr


def test_metrics_are_json(trained):
    done = call('test', CONFIG, trained / 'epoch_1.pth', '--out', 'metrics.pkl')
    assert done.returncode == 1 and '--out metrics.pkl: it will be JSON' in done.stderr


@pytest.mark.parametrize('argument', [['--max-frames', '0'], ['--max-frames', 'few']])
def test_numbers_that_are_none(argument, capsys):
    assert call('demo', 'config', 'checkpoint', 'film.mp4', *argument).returncode == 2
    error = capsys.readouterr().err
    assert f'argument --max-frames: invalid positive value: {argument[1]!r}' in error


def test_averaged_weights(trained, synthetic_set, tmp_path):
    """mmengine's hook exchanges weights by their places, which the fast form has not."""
    config = tmp_path / 'own.py'
    hooks = "custom_hooks = [*_base_.custom_hooks, dict(type='EMAHook')]"
    config.write_text(f"_base_ = '{ROOT / CONFIG}'\n{hooks}\n")
    found = []
    for name in (config, CONFIG):
        options = ['--work-dir', tmp_path, '--out', tmp_path / 'metrics.json', '--cfg-options']
        done = call('test', name, trained / 'epoch_1.pth', *options, *data_options(synthetic_set))
        assert done.returncode == 0, done.stderr
        found.append(json.loads((tmp_path / 'metrics.json').read_text()))
    assert found[0] == pytest.approx(found[1], abs=1e-3)


def test_a_value_that_a_class_refuses_is_told_by_every_tool(trained, synthetic_set, tmp_path):
    config, checkpoint = tmp_path / 'own.py', trained / 'epoch_1.pth'
    config.write_text(f"_base_ = '{ROOT / CONFIG}'\nmodel = dict(neck=dict(in_channels=3))\n")
    (tmp_path / 'images.txt').write_text(f'{next((synthetic_set / "images").iterdir())}\n')
    options = ['--work-dir', tmp_path, '--cfg-options', *data_options(synthetic_set)]
    for command in (
        ['train', config, *options],
        ['test', config, checkpoint, *options],
        ['demo', config, checkpoint, synthetic_set / 'images', '--out', tmp_path / 'out'],
        ['infer', config, checkpoint, tmp_path / 'images.txt', '--out', tmp_path / 'people'],
        ['export_onnx', config, checkpoint, tmp_path / 'x.onnx'],
        ['convert', 'torchvision', checkpoint, tmp_path / 'x.pth', '--config', config],
        ['benchmark', config, '--size', '64x64'],
    ):
        done = call(*command)
        assert done.returncode == 1, command
        assert 'own.py: model cannot be built: DirectPose > FPN: AssertionError' in done.stderr


def test_demo_on_a_video(trained, synthetic_set, tmp_path, capsys):
    path, out = tmp_path / 'people.mp4', tmp_path / 'out'
    image = cv2.imread(str(synthetic_set / 'images/000001.jpg'))[:192, :192]
    with VideoWriter(str(path), 5) as writer:
        for _ in range(4):
            writer.write(image)
    done = call(
        *('demo', CONFIG, trained / 'epoch_1.pth', path, '--out', out, '--score-thr', 0),
        *('--max-frames', 3, '--track', 'poses', '--smooth'),
        *('--save-json', tmp_path / 'people.json'),
        *('--cfg-options', 'model.test_cfg.score_thr=0.0'),
    )
    assert done.returncode == 0, done.stderr
    assert '3/3' in capsys.readouterr().err  # the progress
    with open_video(str(out / '00001_people.mp4')) as capture:
        drawn = list(frames(capture))
        assert capture.get(cv2.CAP_PROP_FPS) == 5
    assert len(drawn) == 3 and np.abs(drawn[0].astype(int) - image).mean() > 1
    records = json.loads((tmp_path / 'people.json').read_text())
    assert [i['frame'] for i in records['images']] == [1, 2, 3]
    # the same picture thrice, but for the compression: the same people, by number
    numbers = [
        {a['track_id'] for a in records['annotations'] if a['image_id'] == i} for i in (1, 2, 3)
    ]
    assert len(numbers[0]) == 100 and len(numbers[0] & numbers[1] & numbers[2]) > 90


class Camera:
    """Stands in for a camera, number 0: two frames, then Ctrl-C. Files are read as always."""

    def __new__(cls, source, real=cv2.VideoCapture):
        return super().__new__(cls) if source == 0 else real(source)

    def __init__(self, source):
        self.left = 2

    def isOpened(self):  # noqa: N802
        return True

    def read(self):
        if not self.left:
            raise KeyboardInterrupt
        self.left -= 1
        return True, np.zeros((64, 96, 3), np.uint8)

    def get(self, name):
        return 0

    def release(self):
        self.left = None


def test_demo_on_a_camera(trained, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(cv2, 'VideoCapture', Camera)
    demo = load_tool('demo')
    demo.main([CONFIG, str(trained / 'epoch_1.pth'), '0', '--out', str(tmp_path)])
    printed = capsys.readouterr()
    assert '0: stopped after 2 frames' in printed.err and 'in 2 images' in printed.out
    assert (tmp_path / '00001_camera0.mp4').stat().st_size > 0
    assert not list(tmp_path.glob('*.partial*'))


def test_demo_keeps_what_was_seen_before_ctrl_c(trained, synthetic_set, tmp_path, monkeypatch):
    demo, images = load_tool('demo'), synthetic_set / 'images'
    run_image = demo.run_image

    def interrupted(args, model, visualizer, path, number, predictions):
        if number == 3:
            raise KeyboardInterrupt
        run_image(args, model, visualizer, path, number, predictions)

    monkeypatch.setattr(demo, 'run_image', interrupted)
    with pytest.raises(SystemExit, match='130'):
        demo.main([CONFIG, str(trained / 'epoch_1.pth'), str(images), '--out', str(tmp_path)])
    kept = (tmp_path / 'predictions.json').read_text()
    assert len(json.loads(kept)['images']) == 2

    def fail(*_):
        raise RuntimeError('out of memory')

    monkeypatch.setattr(demo, 'run_image', fail)
    with pytest.raises(RuntimeError):
        demo.main([CONFIG, str(trained / 'epoch_1.pth'), str(images), '--out', str(tmp_path)])
    assert (tmp_path / 'predictions.json').read_text() == kept


def test_a_file_to_write_is_checked_before_the_work(trained, synthetic_set, tmp_path):
    image = next((synthetic_set / 'images').iterdir())
    checkpoint = trained / 'epoch_1.pth'
    (tmp_path / 'f.json').mkdir()
    for tool, arguments in dict(
        demo=[CONFIG, checkpoint, image, '--out', tmp_path / 'drawn', '--save-json'],
        test=[CONFIG, checkpoint, '--out'],
        export_onnx=[CONFIG, checkpoint],
    ).items():
        done = call(tool, *arguments, tmp_path / 'f.json')
        assert done.returncode == 1 and 'is a folder; give the name of a file' in done.stderr
    assert not any((tmp_path / 'drawn').iterdir())


def test_demo_says_before_the_work_that_it_cannot_show(trained, tmp_path, monkeypatch):
    def refuse(name):
        raise cv2.error

    monkeypatch.setattr(cv2, 'namedWindow', refuse)
    demo = load_tool('demo')
    arguments = [CONFIG, str(trained / 'epoch_1.pth'), '0', '--show', '--out', str(tmp_path)]
    with pytest.raises(SystemExit, match='--show: this OpenCV has no windows'):
        demo.main(arguments)
    assert not list(tmp_path.iterdir())


def test_submit_an_image_list_without_annotations(trained, synthetic_set, tmp_path):
    coco = json.loads((synthetic_set / 'annotations/val.json').read_text())
    images = tmp_path / 'image_info_test-dev2017.json'
    images.write_text(json.dumps(dict(images=coco['images'], categories=[], info={})))
    options = [o for o in data_options(synthetic_set) if 'evaluator' not in o]
    command = (
        *('tools/test.py', CONFIG, trained / 'epoch_1.pth', '--work-dir', tmp_path / 'work'),
        *('--cfg-options', *options, f'test_dataloader.dataset.ann_file={images}'),
        'model.test_cfg.score_thr=0.0',
    )
    done = python(*command, '--submit', 'directpose-tiny')
    assert done.returncode == 0, done.stderr[-3000:]
    name = 'person_keypoints_test-dev2017_directpose-tiny_results'
    entries = json.loads((tmp_path / f'work/{name}.json').read_text())
    assert (tmp_path / f'work/{name}.zip').exists()
    assert {e['image_id'] for e in entries} == {i['id'] for i in coco['images']}
    truth = COCO(str(synthetic_set / 'annotations/val.json'))
    assert len(truth.loadRes(entries).anns) == len(entries)

    done = python(*command, f'test_evaluator.ann_file={images}')
    assert done.returncode == 1 and "no list 'annotations'" in done.stderr


@pytest.mark.parametrize(
    ('config', 'name', 'words'),
    [
        ('directpose_r50_fpn_8xb4-100e_posetrack18-800x1333', 'x', "COCO's 17 keypoints"),
        ('directpose_r50_fpn_8xb4-100e_ap10k-800x1333', 'x', "COCO's 17 keypoints"),
        ('directpose_r50_fpn_8xb4-100e_coco-800x1333', 'a/b', 'a/b: give a name of letters'),
    ],
)
def test_what_cannot_be_submitted(config, name, words):
    cfg = Config.fromfile(ROOT / f'configs/directpose/{config}.py')
    with pytest.raises(InputError, match=words):
        load_tool('test').check_submission(cfg, name)


def test_multi_scale_test_and_demo(trained, synthetic_set, tmp_path):
    """The test-time augmentation of the ms-test config, on the small model."""
    config = tmp_path / 'ms.py'
    config.write_text(
        f"_base_ = '{ROOT / CONFIG}'\n"
        'load, resize, pack = _base_.val_pipeline\n'
        "tta = dict(type='MultiScaleFlip', short_sides=[800], resize=dict(type=resize['type']))\n"
        "tta['pack'] = pack\n"
        'tta_pipeline = [load, tta]\n'
        "tta_model = dict(type='mmdet.PoseTTAModel')\n"
        "custom_hooks = [*_base_.custom_hooks, dict(type='PoseTTAHook')]\n"
        'del load, resize, pack, tta\n'
    )
    done = call(
        *('test', config, trained / 'epoch_1.pth', '--work-dir', tmp_path / 'work'),
        *('--out', tmp_path / 'metrics.json', '--show-dir', 'pictures'),
        *('--cfg-options', *data_options(synthetic_set)),
        'tta_pipeline.1.short_sides=[192,256]',
    )
    assert done.returncode == 0, done.stderr
    assert 0 <= json.loads((tmp_path / 'metrics.json').read_text())['coco/AP'] <= 1
    image = synthetic_set / 'images/000001.jpg'
    done = call(
        *('demo', config, trained / 'epoch_1.pth', image, '--out', tmp_path / 'out'),
        *('--score-thr', 0, '--cfg-options', 'model.test_cfg.score_thr=0.0'),
    )
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / 'out/predictions.json').read_text())['annotations']
