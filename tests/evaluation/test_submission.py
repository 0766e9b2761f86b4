"""Results for COCO's evaluation server."""

import json
import zipfile

import numpy as np
import pytest
from directpose.evaluation import CocoSubmission
from directpose.evaluation.submission import submission_problem
from directpose.utils.errors import InputError


def sample(img_id, count, value=12.345678):
    people = dict(
        keypoints=np.full((count, 17, 2), value),
        bbox_scores=np.linspace(0.1, 0.9, count, dtype=np.float32),
    )
    return dict(img_id=img_id, pred_instances=people)


def submit(folder, *samples):
    metric = CocoSubmission(name='ours', out_dir=str(folder))
    for one in samples:
        metric.process({}, [one])
    return metric.evaluate(len(samples))


def test_files_for_the_server(tmp_path):
    counts = submit(tmp_path, sample(7, 30), sample(9, 2), sample(11, 0))
    assert counts == {'submission/images': 3, 'submission/people': 22}
    name = 'person_keypoints_test-dev2017_ours_results'
    assert sorted(p.name for p in tmp_path.iterdir()) == [f'{name}.json', f'{name}.zip']
    text = (tmp_path / f'{name}.json').read_text()
    with zipfile.ZipFile(tmp_path / f'{name}.zip') as archive:
        assert archive.namelist() == [f'{name}.json']
        assert archive.read(f'{name}.json').decode() == text
    entries = json.loads(text)
    assert submission_problem(entries, {7, 9, 11}) is None
    of_crowd = [e for e in entries if e['image_id'] == 7]
    assert len(of_crowd) == 20
    assert [e['score'] for e in of_crowd] == sorted((e['score'] for e in of_crowd), reverse=True)
    assert of_crowd[0]['score'] == pytest.approx(0.9) and of_crowd[-1]['score'] > 0.3
    assert of_crowd[0]['keypoints'] == [12.3, 12.3, 1.0] * 17
    assert {e['category_id'] for e in entries} == {1}


def test_nothing_is_written_if_something_is_wrong(tmp_path):
    with pytest.raises(InputError, match=r'was not written: result 0 has something else than fin'):
        submit(tmp_path, sample(7, 1, value=float('nan')))
    assert list(tmp_path.iterdir()) == []


GOOD = dict(image_id=7, category_id=1, keypoints=[1.5, 2.0, 1] * 17, score=0.5)


@pytest.mark.parametrize(
    ('changes', 'words'),
    [
        (dict(image_id='7'), "image_id '7'"),
        (dict(image_id=8), 'image_id 8, which is no image of the split'),
        (dict(category_id=2), 'category_id 2'),
        (dict(score='0.5'), 'else than finite numbers'),
        (dict(score=True), 'else than finite numbers'),
        (dict(keypoints=[1.5, 2.0, 1] * 16), '48 numbers in keypoints, not 51'),
        (dict(keypoints=[1.55, 2.0, 1] * 17), 'not rounded to tenths'),
        (dict(bbox=[0, 0, 1, 1]), 'must have the fields category_id, image_id, keypoints, score'),
    ],
)
def test_what_is_not_cocos_format(changes, words):
    assert submission_problem([GOOD], {7}) is None
    problem = submission_problem([GOOD, GOOD | changes], {7})
    assert problem.startswith('result 1 ') and words in problem


def test_too_many_people():
    assert submission_problem([GOOD] * 20, {7}) is None
    assert 'image 7 has 21 people, more than 20' in submission_problem([GOOD] * 21, {7})
    assert 'not a list' in submission_problem(dict(GOOD), {7})
