"""Metafiles and the leaderboard."""

import csv
import json

import cv2
import modelindex
import pytest
from directpose.benchmark.leaderboard import add_measured, mmpose_rows, our_rows
from directpose.datasets.metainfo import parse_metainfo, sigmas_of
from directpose.evaluation.average_precision import keypoint_ap
from directpose.utils.errors import InputError
from helpers.commands import CONFIG, ROOT, call, load_tool

PAPER = 'directpose_r50_fpn_8xb4-100e_coco-800x1333'
RTMO = 'rtmo-s_8xb32-600e_coco-640x640'


def test_every_config_is_in_the_metafile_and_in_the_readme():
    index = modelindex.load(str(ROOT / 'model-index.yml'))
    assert not index.check(silent=True)
    names = [m.name for m in index.models]
    configs = sorted(p.stem for p in (ROOT / 'configs').glob('[dk]*/*.py'))
    assert sorted(names) == configs
    for model in index.models:
        assert (ROOT / model.config).stem == model.name
        readme = (ROOT / model.config).parent / 'README.md'
        assert f'[{model.name}]({model.name}.py)' in readme.read_text()


def test_the_papers_numbers():
    """Section 10 of the specification: AP, AP50, AP75, APM, APL."""
    table = {
        PAPER: (62.2, 86.4, 68.2, 56.7, 69.8),
        f'{PAPER}_ms-test': (63.0, 86.8, 69.3, 59.1, 69.3),
        PAPER.replace('r50', 'r101'): (63.3, 86.7, 69.4, 57.8, 71.2),
        f'{PAPER.replace("r50", "r101")}_ms-test': (64.8, 87.8, 71.1, 60.4, 71.5),
    }
    rows = {row.name: row for row in our_rows(str(ROOT))}
    keys = ('AP', 'AP@0.5', 'AP@0.75', 'AP (M)', 'AP (L)')
    for name, numbers in table.items():
        assert [round(100 * rows[name].published[k], 1) for k in keys] == list(numbers)
        assert rows[name].split == 'test-dev2017' and rows[name].source == 'paper'
        assert rows[name].measured == {}


def test_models_of_mmpose():
    rows = {row.name: row for row in mmpose_rows()}
    assert len(rows) > 150
    assert rows[RTMO].published['AP'] == 0.677 and rows[RTMO].data == 'COCO'
    assert rows[RTMO].source.endswith('model page')  # the index says 0.673
    assert {row.kind for row in rows.values()} == {'one-stage', 'bottom-up', 'top-down'}
    expected = dict(rtmo='one-stage', yoloxpose='one-stage', edpose='one-stage', dekr='bottom-up')
    for start, kind in (expected | {'td-hm': 'top-down', 'ae_hrnet': 'bottom-up'}).items():
        assert {row.kind for name, row in rows.items() if name.startswith(start)} == {kind}
    assert rows['yoloxpose_s_8xb32-300e_coco-640'].size == '640x640'
    assert rows['td-hm_res50_8xb64-210e_coco-256x192'].size == '256x192'


@pytest.fixture
def results(synthetic_set, tmp_path):
    """Results with the true keypoints of all but one of the people, and the annotations."""
    ann_file = synthetic_set / 'annotations/val.json'
    annotations = json.loads(ann_file.read_text())['annotations']
    fields = ('image_id', 'category_id', 'keypoints')
    found = [{f: a[f] for f in fields} | dict(score=0.9) for a in annotations[1:]]
    path = tmp_path / 'found.json'
    path.write_text(json.dumps(found))
    return path, ann_file


@pytest.fixture
def benchmark(tmp_path):
    """A file as tools/benchmark.py writes it."""
    header = dict(hardware='a CPU', threads=2, precision='float32', date='2026-01-01')
    row = dict(batch=1, model='x', size='800x1088', candidates=300)
    rows = [
        row | dict(config=RTMO, median_ms=900.0, batch=4),
        row | dict(config=PAPER, median_ms=2000.0),
        row | dict(config=PAPER, median_ms=1800.0),
        row | dict(config=PAPER, median_ms=700.0, batch=2),
        row | dict(config=PAPER, median_ms=800.0, size='640x640'),
        row | dict(config=RTMO, median_ms=300.0),
    ]
    path = tmp_path / 'run.json'
    header |= dict(mode='prediction', weights='random')
    path.write_text(json.dumps(dict(header=header, rows=rows)))
    return path


def test_the_table(results, benchmark, tmp_path):
    path, ann_file = results
    main = load_tool('leaderboard').main
    arguments = ['--ann-file', str(ann_file), '--benchmark', str(benchmark)]
    arguments += ['--only', f'^({PAPER}|{RTMO})$', '--out', str(tmp_path / 'out')]
    main([*arguments, '--results', f'mine={path}', f'{PAPER}={path}'])
    with open(tmp_path / 'out/leaderboard.csv', newline='') as file:
        rows = list(csv.DictReader(file))
    assert [row['model'] for row in rows] == [RTMO, PAPER, 'mine']  # by published AP
    rtmo, paper, mine = rows
    assert (rtmo['AP published'], rtmo['AP here'], rtmo['ms here']) == ('67.7', '', '300.0')
    sigmas = sigmas_of(parse_metainfo(dict(from_file='configs/_base_/datasets/coco.py')))
    found, truth = json.loads(path.read_text()), json.loads(ann_file.read_text())
    expected = f'{100 * keypoint_ap(found, truth, sigmas)["AP"]:.1f}'
    assert 50 < float(expected) < 100
    assert (paper['AP published'], paper['AP here'], paper['ms here']) == (
        '62.2',
        expected,
        '1800.0',
    )
    assert (mine['AP published'], mine['AP here']) == ('', expected)
    assert paper['M params'] == '32.4' and float(paper['GFLOPs']) == pytest.approx(432.5, abs=0.3)
    assert paper['timed at'] == '800x1088'
    assert rtmo['M params'] == '9.9' and paper['on'] == 'test-dev2017'

    text = (tmp_path / 'out/leaderboard.md').read_text()
    assert text.count('\n| ') == 4 and 'a CPU, 2 threads' in text
    assert mine['here on'] == 'val.json, 3 of 4 images with results'
    assert cv2.imread(str(tmp_path / 'out/leaderboard.png')).std() > 5

    main([*arguments, '--sort', 'ms here'])
    with open(tmp_path / 'out/leaderboard.csv', newline='') as file:
        assert [row['ms here'] for row in csv.DictReader(file)] == ['300.0', '1800.0']


def test_a_config_without_numbers_was_not_trained(tmp_path):
    main = load_tool('leaderboard').main
    names = f'^({PAPER}|directpose_r50_fpn_bf16_8xb4-100e_coco-800x1333)$'
    main(['--only', names, '--out', str(tmp_path)])
    with open(tmp_path / 'leaderboard.csv', newline='') as file:
        assert [row['trained on'] for row in csv.DictReader(file)] == ['COCO', 'not trained']


def test_published_numbers_of_fake100(shared):
    folder = shared / 'data/coco_eval_fixtures/fake100'
    rows = []
    add_measured(
        rows,
        'fake',
        str(folder / 'person_keypoints_val2014_fakekeypoints100_results.json'),
        str(folder / 'person_keypoints_val2014_100.json'),
    )
    metrics = rows[0].measured
    expected = json.loads((folder / 'expected.json').read_text())['expected']
    assert round(metrics['AP'], 3) == expected['AP']
    assert round(metrics['AR'], 3) == expected['AR']


@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        (['--results', 'a=b.json'], 'give the annotations of their images with --ann-file'),
        (['--results', 'b.json', '--ann-file', 'x.json'], 'give NAME=FILE'),
        (['--results', 'a=gone.json', '--ann-file', 'x.json'], 'cannot read x.json'),
        (['--benchmark', CONFIG], 'is not JSON'),
        (['--only', 'no such model'], 'no model has such a name'),
        (['--only', '('], 'no regular expression'),
    ],
)
def test_what_is_wrong_is_told(arguments, words, tmp_path):
    with pytest.raises(SystemExit, match=words):
        load_tool('leaderboard').main([*arguments, '--out', str(tmp_path)])


def test_runs_that_cannot_be_compared(benchmark, tmp_path):
    content = json.loads(benchmark.read_text())
    other = tmp_path / 'other.json'
    main = load_tool('leaderboard').main
    for change, words in (
        (dict(hardware='a GPU'), 'runs that differ cannot be compared: a '),
        (dict(mode='training step'), 'has the times of training steps, not of predictions'),
    ):
        other.write_text(json.dumps(content | dict(header=content['header'] | change)))
        with pytest.raises(SystemExit, match=words):
            main(['--benchmark', str(benchmark), str(other), '--out', str(tmp_path)])


def test_results_of_other_images(results, tmp_path):
    path, ann_file = results
    found = json.loads(path.read_text())
    for change, words in (
        (dict(image_id=None), 'result 1 has no image_id'),
        (
            dict(keypoints=[1, 1, 2] * 14),
            'result 1 has 42 numbers in keypoints, not three',
        ),
    ):
        entry = {k: v for k, v in (found[1] | change).items() if v is not None}
        path.write_text(json.dumps([found[0], entry]))
        with pytest.raises(InputError, match=words):
            add_measured([], 'mine', str(path), str(ann_file))
    found[2]['image_id'] = 77
    path.write_text(json.dumps(found))
    options = ('--results', f'a={path}', '--ann-file', ann_file, '--out', tmp_path)
    done = call('leaderboard', *options)
    assert done.returncode == 1 and 'result 2 is of image 77, which is not in' in done.stderr
