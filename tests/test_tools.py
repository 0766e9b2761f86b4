"""The tools, as a user calls them, and mim's own commands with our configs."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from pycocotools.coco import COCO

ROOT = Path(__file__).resolve().parent.parent
CONFIG = 'configs/directpose/directpose_tiny_1xb4-5e_synthetic-256x320.py'


def run(*command, **options):
    """Run a command in the repository; its exit status and what it printed."""
    return subprocess.run(
        [str(c) for c in command], cwd=ROOT, capture_output=True, text=True, timeout=300, **options
    )


def python(script, *args):
    return run(sys.executable, '-W', 'ignore', script, *args)


def data_options(data_root):
    """Options that point the config to the set, and make an epoch short."""
    options = [
        f'{split}_dataloader.dataset.data_root={data_root}/' for split in ('train', 'val', 'test')
    ]
    options += [f'{s}_evaluator.ann_file={data_root}/annotations/val.json' for s in ('val', 'test')]
    loaders = [
        f'{split}_dataloader.{key}'
        for split in ('train', 'val', 'test')
        for key in ('num_workers=0', 'persistent_workers=False')
    ]
    epochs = ['train_cfg.max_epochs=1', 'train_cfg.val_interval=1']
    return options + loaders + epochs + ['train_dataloader.batch_size=4']


@pytest.fixture(scope='module')
def trained(synthetic_set, tmp_path_factory):
    """Work dir of one epoch of ``tools/train.py``, with pictures during validation."""
    work_dir = tmp_path_factory.mktemp('train')
    done = python(
        'tools/train.py',
        CONFIG,
        '--work-dir',
        work_dir,
        '--cfg-options',
        *data_options(synthetic_set),
        'default_hooks.visualization.enable=True',
        'default_hooks.visualization.interval=1',
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return work_dir


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


def test_mim_train_and_test(trained, synthetic_set, tmp_path):
    mim = [Path(sys.executable).parent / 'mim']
    options = data_options(synthetic_set)
    done = run(
        *mim,
        'train',
        'mmpose',
        CONFIG,
        '--gpus',
        0,
        '--work-dir',
        tmp_path,
        '--cfg-options',
        *options,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    done = run(
        *mim,
        'test',
        'mmpose',
        CONFIG,
        '-C',
        tmp_path / 'epoch_1.pth',
        '--gpus',
        0,
        '--work-dir',
        tmp_path / 'test',
        '--cfg-options',
        *options,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert 'coco/AP' in done.stdout + done.stderr


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
    assert done.returncode == 0, done.stderr[-3000:]
    assert f'skipped: {folder / names[0]} is not an image' in done.stderr
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
    from directpose.inference import detect, load_model, read_image

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
        ('model.bbox_head.num_keypoints=14', 'num_keypoints is 14, but model.heatmap_head'),
    ],
)
def test_train_tells_what_is_wrong(synthetic_set, tmp_path, change, words):
    done = python(
        'tools/train.py',
        CONFIG,
        '--work-dir',
        tmp_path,
        '--cfg-options',
        *data_options(synthetic_set),
        change,
    )
    assert done.returncode == 1
    assert words in done.stderr and 'Traceback' not in done.stderr
    assert done.stderr.strip().splitlines()[-1].startswith('error: ')


def test_a_checkpoint_of_another_model_is_refused(trained, synthetic_set, tmp_path):
    image = synthetic_set / 'images/000001.jpg'
    other = 'model.backbone.base_channels=16'
    arguments = dict(test=['--work-dir', tmp_path], demo=[image, '--out', tmp_path])
    for tool, extra in arguments.items():
        done = python(
            f'tools/{tool}.py',
            CONFIG,
            trained / 'epoch_1.pth',
            *extra,
            '--cfg-options',
            *data_options(synthetic_set),
            other,
            'model.neck.in_channels=[16,32,64,128]',
        )
        assert done.returncode == 1
        assert 'is of another model or skeleton' in done.stderr and 'Traceback' not in done.stderr


def test_demo_names_an_input_that_is_not_there(trained, tmp_path):
    done = python('tools/demo.py', CONFIG, trained / 'epoch_1.pth', tmp_path / 'no*.jpg')
    assert done.returncode == 1 and 'names no image' in done.stderr


def test_coco_subset(synthetic_set, tmp_path):
    source, target = synthetic_set / 'annotations/train.json', tmp_path / 'new/subset.json'
    done = python('tools/coco_subset.py', source, target, '--where', 'id=2,5')
    assert done.returncode == 0, done.stderr
    coco = json.loads(target.read_text())
    assert [i['id'] for i in coco['images']] == [2, 5]
    assert {a['image_id'] for a in coco['annotations']} <= {2, 5} and coco['annotations']
    done = python('tools/coco_subset.py', source, target, '--where', 'id=77')
    assert done.returncode == 1 and 'no image' in done.stderr


def test_inference_of_mmpose(trained, synthetic_set):
    from mmpose.apis import MMPoseInferencer, inference_bottomup, init_model

    image = str(synthetic_set / 'images/000001.jpg')
    model = init_model(str(ROOT / CONFIG), str(trained / 'epoch_1.pth'), device='cpu')
    found = inference_bottomup(model, image)[0].pred_instances
    assert found.keypoints.shape[1:] == (17, 2) and isinstance(found.keypoints, np.ndarray)
    inferencer = MMPoseInferencer(
        pose2d=str(ROOT / CONFIG), pose2d_weights=str(trained / 'epoch_1.pth'), device='cpu'
    )
    result = next(inferencer(image))
    assert len(result['predictions'][0]) == len(found)
