"""Matching of people, calibration and kinds of errors, on cases whose answer is known."""

import json

import numpy as np
import pytest
from directpose.evaluation.calibration import calibration, match_people, similarities_to
from directpose.evaluation.error_types import ERRORS, classify_keypoints
from helpers.commands import load_tool

SIGMAS = np.full(2, 0.1)


def annotation(x, image_id=1, visible=(2, 2), area=100.0):
    points = [(x, 0, visible[0]), (x, 10, visible[1])]
    return dict(image_id=image_id, area=area, keypoints=np.ravel(points).tolist())


def result(x, score, confidences=(0.9, 0.1), image_id=1, second=0.0):
    points = [(x, 0, confidences[0]), (x + second, 10, confidences[1])]
    return dict(image_id=image_id, score=score, keypoints=np.ravel(points).tolist())


def test_the_best_prediction_takes_its_person():
    truth = [annotation(0), annotation(100), annotation(0, image_id=2, visible=(0, 0))]
    results = [result(1, 0.5), result(0, 0.9), result(101, 0.3), result(0, 0.8, image_id=2)]
    matches = match_people(results, truth, SIGMAS)
    assert [(r['score'], a['keypoints'][0]) for r, a, _ in matches] == [(0.9, 0), (0.3, 100)]
    # 1 pixel, 2 * 0.1 * 10 = 2 pixels: exp(-1 / (2 * 2^2))
    np.testing.assert_allclose(matches[1][2], np.exp(-1 / 8))


def test_confidences_that_are_what_they_say():
    """Of ten people, nine first keypoints and one second are found."""
    truth = [annotation(100 * k, visible=(2, 1)) for k in range(10)]
    results = [result(100 * k, 0.9, second=0 if k == 0 else 20) for k in range(10)]
    results[0]['keypoints'][0] += 2.5  # exp(-2.5^2 / 8) = 0.46
    measured = calibration(match_people(results, truth, SIGMAS))
    assert measured['bins'] == [
        dict(count=10, confidence=pytest.approx(0.1), found=0.1),
        dict(count=10, confidence=pytest.approx(0.9), found=0.9),
    ]
    assert measured['error'] == pytest.approx(0)
    truth[0]['keypoints'][2] = 0  # not labelled: it does not count
    (_, sure) = calibration(match_people(results, truth, SIGMAS))['bins']
    assert sure == dict(count=9, confidence=pytest.approx(0.9), found=1.0)


@pytest.mark.parametrize(
    ('tool', 'row'),
    [
        ('calibration', '| model | 17 | 0.750 | 1.000 | 0.250 |'),
        ('error_types', '| model | 1 | 1.000 | 0.000 | 0.000 | 0.000 | 0.000 |'),
    ],
)
def test_the_tools_draw(tool, row, tmp_path, capsys):
    points = np.zeros((17, 3))
    points[:, 2] = 2
    person = dict(image_id=1, area=100.0, keypoints=points.ravel().tolist())
    (tmp_path / 'truth.json').write_text(json.dumps(dict(annotations=[person])))
    points[:, 2] = 0.75
    found = dict(image_id=1, score=0.9, keypoints=points.ravel().tolist())
    (tmp_path / 'found.json').write_text(json.dumps([found]))
    out = tmp_path / 'plot.png'
    arguments = [str(tmp_path / 'truth.json'), str(out), f'model={tmp_path / "found.json"}']
    load_tool(f'dev/{tool}').main(arguments)
    assert row in capsys.readouterr().out
    assert out.stat().st_size > 1000


@pytest.mark.parametrize(
    ('places', 'kinds'),
    [
        ([(0, 0), (10, 0)], ['good', 'good']),
        ([(2, 0), (10, 0)], ['jitter', 'good']),  # exp(-4 / 8) = 0.61
        ([(10, 0), (0, 0)], ['inversion', 'inversion']),
        ([(100, 0), (110, 0)], ['swap', 'swap']),
        ([(110, 0), (10, 0)], ['swap', 'good']),  # the other side of somebody else
        ([(50, 0), (10, 0)], ['miss', 'good']),
    ],
)
def test_errors_whose_kind_is_known(places, kinds):
    """Two people of a left and a right keypoint, 100 pixels apart; a sigma is 2 pixels."""
    truth = [dict(image_id=1, area=100.0, keypoints=[x, 0, 2, x + 10, 0, 2]) for x in (0, 100)]
    found = dict(image_id=1, score=1.0, keypoints=[v for x, y in places for v in (x, y, 1)])
    similarities = similarities_to(found, truth[0], SIGMAS)
    counts = classify_keypoints([(found, truth[0], similarities)], truth, SIGMAS, [1, 0])
    expected = np.zeros((2, 5), int)
    expected[[0, 1], [ERRORS.index(kind) for kind in kinds]] = 1
    np.testing.assert_array_equal(counts, expected)


def test_keypoints_that_are_not_labelled_have_no_kind():
    truth = [dict(image_id=1, area=100.0, keypoints=[0, 0, 2, 10, 0, 0])]
    found = dict(image_id=1, score=1.0, keypoints=[0, 0, 1, 10, 0, 1])
    similarities = similarities_to(found, truth[0], SIGMAS)
    counts = classify_keypoints([(found, truth[0], similarities)], truth, SIGMAS, [1, 0])
    assert counts.sum() == 1 and counts[0, 0] == 1
