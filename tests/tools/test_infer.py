"""tools/infer.py: shards and restarts give what one run gives."""

import errno
import json
import shutil
from unittest import mock

import cv2
import numpy as np
import pytest
from directpose.apis import predictor
from directpose.apis.inference import find_inputs
from directpose.utils import storage
from directpose.utils.errors import INCOMPLETE
from helpers.commands import CONFIG, ROOT, call
from helpers.interrupts import Interrupts
from helpers.parts import read_part


def read(folder):
    """Records of all parts, by image."""
    lines = [line for part in sorted(folder.rglob('*.jsonl')) for line in part.open()]
    records = [json.loads(line) for line in lines]
    by_image = {record['image']: record for record in records}
    assert len(by_image) == len(records)
    return by_image


@pytest.fixture
def infer(trained, synthetic_set, tmp_path):
    """Run the tool on 12 images, one by one, of which one is broken and one too long."""
    images = tmp_path / 'images'
    shutil.copytree(synthetic_set / 'images', images)
    first, *_, last = sorted(images.iterdir())
    first.write_bytes(b'no image')
    cv2.imwrite(str(last), np.zeros((10, 40000, 3), np.uint8))

    def run(out, *args, images=images):
        common = [images, '--out', tmp_path / out, '--workers', 0, '--batch', 1, *args]
        options = ['--cfg-options', 'model.test_cfg.score_thr=0.0', '--score-thr', 0.0]
        return call('infer', ROOT / CONFIG, trained / 'epoch_1.pth', *common, *options)

    return run


def test_shards_are_the_whole(infer, tmp_path):
    assert infer('one').returncode == INCOMPLETE
    for shard in ('0/2', '1/2'):
        assert infer('two', '--shard', shard, '--part', 4).returncode == INCOMPLETE
    one, two = read(tmp_path / 'one'), read(tmp_path / 'two')
    assert one == two and len(one) == 12
    assert sorted(p.name for p in (tmp_path / 'two').iterdir()) == ['shard-0-of-2', 'shard-1-of-2']
    assert len(list((tmp_path / 'two').rglob('part-*.jsonl'))) == 4
    broken = [record for record in one.values() if 'error' in record]
    assert len(broken) == 2 and 'OpenCV can resize' in broken[0]['error'] + broken[1]['error']
    person = next(r for r in one.values() if r.get('people'))['people'][0]
    assert len(person['keypoints']) == 51 and len(person['bbox']) == 4


def test_ctrl_c_is_left_to_the_process_that_detects(trained, monkeypatch):
    """Ended by it, a worker could leave a lock closed for which that process waits for ever."""
    detect = predictor.Predictor(CONFIG, f'{trained}/epoch_1.pth', 'cpu', workers=1)
    monkeypatch.setattr(predictor, 'ImageFiles', lambda *_: Interrupts())
    monkeypatch.setattr(detect, '_detect', iter)
    assert list(detect(['image.jpg'])) == [True, True]


def test_it_goes_on_where_it_was_interrupted(infer, tmp_path):
    assert infer('out', '--part', 4).returncode == INCOMPLETE
    parts = sorted((tmp_path / 'out').rglob('part-*.jsonl'))
    whole = [part.read_text() for part in parts]
    parts[0].write_text('{"kept": 1}\n')
    parts[1].unlink()
    assert infer('out', '--part', 4).returncode == INCOMPLETE
    assert [part.read_text() for part in parts] == ['{"kept": 1}\n', *whole[1:]]


def test_another_job_is_not_mixed_with_what_is_there(infer, tmp_path):
    assert infer('out').returncode == INCOMPLETE
    (part,) = (tmp_path / 'out').rglob('part-*.jsonl')
    before = part.read_text()
    sorted((tmp_path / 'images').iterdir())[-1].unlink()
    done = infer('out', '--part', 4)
    assert done.returncode == 1 and 'is of a job with other part, images;' in done.stderr
    assert part.read_text() == before


def test_a_storage_that_fails_is_no_broken_image(infer, tmp_path):
    """Nothing is written that a restart would take for done."""
    with mock.patch('builtins.open', side_effect=fail_for(tmp_path / 'images')):
        done = infer('out')
    assert done.returncode == 1 and 'call again when its storage works' in done.stderr
    shutil.move(tmp_path / 'images', tmp_path / 'away')
    (tmp_path / 'list.txt').write_text('a.jpg\nb.jpg\n')
    done = infer('gone', images=tmp_path / 'list.txt')
    assert done.returncode == 1 and 'none of 2 images is there, a.jpg to b.jpg' in done.stderr
    assert not list(tmp_path.rglob('part-*'))


def test_images_that_are_all_broken_are_no_stop(infer, tmp_path):
    for name in 'ab':
        (tmp_path / f'{name}.jpg').write_bytes(b'no image')
    lines = [tmp_path / 'a.jpg', tmp_path / 'b.jpg', tmp_path / ('x' * 300 + '.jpg')]
    (tmp_path / 'list.txt').write_text('\n'.join(map(str, lines)))
    assert infer('out', '--part', 2, images=tmp_path / 'list.txt').returncode == INCOMPLETE
    assert all('error' in record for record in read(tmp_path / 'out').values())


def test_what_could_not_be_read_is_counted(infer, capfd):
    for _ in range(2):  # the second time, all parts are there
        assert infer('out', '--part', 4).returncode == INCOMPLETE
        assert '2 of 12 images could not be read' in capfd.readouterr().err


def test_folders_with_subfolders_and_other_pictures(infer, tmp_path, capfd):
    """As tools/demo.py finds them; what OpenCV does not read is told."""
    images = tmp_path / 'images'
    for image in sorted(images.iterdir())[4:]:
        image.unlink()
    for name in ('sub', '.thumbnails'):
        (images / name).mkdir()
    shutil.copy(images / '000001.jpg', images / 'sub/again.JPG')
    shutil.copy(images / '000001.jpg', images / '.thumbnails')
    (images / '._000001.jpg').write_bytes(b'what macOS keeps of it')
    for name in ('a.gif', 'sub/b.HEIC', 'c.txt'):
        (images / name).write_bytes(b'no image')
    infer('out')
    assert len(read(tmp_path / 'out')) == 5
    said = 'images: skipped 2 pictures of kinds that OpenCV may not read (.gif, .heic)'
    assert said in capfd.readouterr().err
    found = find_inputs([str(images)])
    assert len(found) == 5 and str(images / 'sub/again.JPG') in found


def test_with_test_time_augmentation(trained, synthetic_set, tmp_path):
    config = tmp_path / 'ms.py'
    config.write_text(
        f"_base_ = '{ROOT / CONFIG}'\n"
        "steps = {step['type']: step for step in _base_.val_pipeline}\n"
        "resize, pack = dict(type='ResizeKeepRatio'), steps['PackPoseInputs']\n"
        "flip = dict(type='MultiScaleFlip', short_sides=[192], resize=resize, pack=pack)\n"
        "tta_pipeline = [steps['LoadImageFile'], flip]\n"
        "tta_model = dict(type='mmdet.PoseTTAModel')\n"
        'del steps, resize, pack, flip\n'
    )
    done = call(
        *('infer', config, trained / 'epoch_1.pth', synthetic_set / 'images'),
        *('--out', tmp_path / 'out', '--workers', 0, '--batch', 3, '--score-thr', 0.0),
        *('--cfg-options', 'model.test_cfg.score_thr=0.0'),
    )
    assert done.returncode == 0, done.stderr
    records = read(tmp_path / 'out').values()
    assert len(records) == 12 and all(record['people'] for record in records)


def test_buckets_and_lists_in_parquet(infer, tmp_path):
    """Images, their list and the output in a bucket; here one that pyarrow keeps in memory."""
    pytest.importorskip('pyarrow', reason='needs directpose[ray]')
    import pyarrow
    from pyarrow import parquet

    assert infer('out').returncode == INCOMPLETE
    bucket = 'mock://bucket'
    storage.make_remote_folder(f'{bucket}/images/sub')
    names = sorted((tmp_path / 'images').iterdir())
    paths = [f'{bucket}/images/sub/{name.name}' for name in names] + [f'{bucket}/images/none.jpg']
    for path, name in zip(paths[:-1], names, strict=True):
        storage.write_bytes(name.read_bytes(), path)
    parquet.write_table(pyarrow.table({'image': paths, 'n': range(13)}), tmp_path / 'list.parquet')
    storage.write_bytes((tmp_path / 'list.parquet').read_bytes(), f'{bucket}/list.parquet')
    storage.write_bytes('\n'.join(paths).encode(), f'{bucket}/list.txt')
    for source, count in (('list.parquet', 13), ('list.txt', 13), ('images', 12)):
        out = f'{bucket}/out-{source}'
        arguments = ['--out', out, '--part', 5, '--format', 'parquet']
        assert infer('', *arguments, images=f'{bucket}/{source}').returncode == INCOMPLETE
        parts = [path for path in storage.walk(out) if path.endswith('.parquet')]
        found = [record for part in parts for record in read_part(part)]
        assert len(parts) == 3 and len(found) == count
        local = [
            record
            | {'image': record['image'].replace(f'{bucket}/images/sub', str(names[0].parent))}
            for record in found
            if 'error' not in record
        ]
        assert local == [r for r in read(tmp_path / 'out').values() if 'error' not in r]


@pytest.mark.parametrize(
    ('columns', 'words'),
    [
        ({'image': [1]}, 'column image of '),
        ({'a': ['x'], 'b': ['y']}, 'has the columns a, b; name'),
        ({'image': ['caf\udce9.jpg'.encode('utf-8', 'surrogateescape')]}, 'has binary, not paths'),
        ({'image': [{'bytes': b'', 'path': 'a.jpg'}]}, 'path: string>, not paths'),
        ({'image': [['a.jpg']]}, 'string>, not paths'),
        (None, 'is not Parquet'),
    ],
)
def test_other_parquet(infer, tmp_path, columns, words):
    pytest.importorskip('pyarrow', reason='needs directpose[ray]')
    import pyarrow
    from pyarrow import parquet

    path = tmp_path / 'list.parquet'
    if columns is None:
        path.write_bytes(b'nothing')
    else:
        parquet.write_table(pyarrow.table(columns), path)
    done = infer('out', images=path)
    assert done.returncode == 1 and words in done.stderr


def test_names_that_parquet_cannot_hold(infer, tmp_path):
    """They are told of; JSON holds them."""
    pytest.importorskip('pyarrow', reason='needs directpose[ray]')
    name = b'caf\xe9.jpg'.decode('utf-8', 'surrogateescape')
    (tmp_path / 'images' / name).write_bytes(b'no image')
    done = infer('out', '--format', 'parquet')
    assert done.returncode == 1 and 'is not UTF-8' in done.stderr
    assert infer('json').returncode == INCOMPLETE and len(read(tmp_path / 'json')) == 13


@pytest.mark.parametrize(
    ('options', 'words'),
    [
        (['--ray', '--shard', '0/2'], '--shard is for calls without --ray'),
        (['--num-cpus', 2], '--num-cpus is for calls with --ray'),
    ],
)
def test_options_of_the_other_form(infer, options, words):
    done = infer('out', *options)
    assert done.returncode == 1 and words in done.stderr


def test_unknown_buckets(infer):
    done = infer('out', images='nowhere://bucket/images')
    assert done.returncode == 1 and 'nowhere://bucket cannot be opened' in done.stderr


def fail_for(folder, real=open):
    """An ``open`` for which the files of a folder are on a device that does not answer."""

    def opened(path, *args, **kwargs):
        if str(path).startswith(str(folder)):
            raise OSError(errno.EIO, 'Input/output error')
        return real(path, *args, **kwargs)

    return opened


@pytest.mark.parametrize(
    ('args', 'words'),
    [
        (['--shard', '2/2'], '--shard 2/2: give I/N with I from 0 to N - 1'),
        (['--shard', 'x'], '--shard x: give I/N'),
    ],
)
def test_bad_arguments(infer, args, words):
    done = infer('out', *args)
    assert done.returncode == 1 and words in done.stderr


def test_lists_of_images(tmp_path):
    for name, text, words in (
        ('empty.txt', '\n', 'holds no images'),
        ('nowhere.txt', None, 'cannot read the image list'),
    ):
        if text is not None:
            (tmp_path / name).write_text(text)
        done = call('infer', 'config', 'checkpoint', tmp_path / name, '--out', tmp_path / 'out')
        assert done.returncode == 1 and words in done.stderr
