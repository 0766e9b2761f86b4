"""Matching of people, kinds of errors and what they cost, on cases whose answer is known."""

import json
import re

import cv2
import numpy as np
import pytest
from directpose.cli.analyze import main
from directpose.datasets.categories import skeleton_of
from directpose.evaluation.analysis import analyse
from directpose.evaluation.calibration import calibration
from directpose.evaluation.error_types import ERRORS, classify_keypoints, count_kinds
from directpose.evaluation.matching import match_people
from directpose.evaluation.oracles import mend
from directpose.utils.errors import InputError
from helpers.commands import load_tool

SIGMAS = np.full(2, 0.1)
PAIR = dict(id=1, name='pair', keypoints=['left_end', 'right_end'], skeleton=[[1, 2]])


def annotation(x, image_id=1, visible=(2, 2), area=100.0, **fields):
    points = [(x, 0, visible[0]), (x, 10, visible[1])]
    box = [x - 5, -2, 10, 14]
    return dict(
        image_id=image_id, area=area, keypoints=np.ravel(points).tolist(), bbox=box, **fields
    )


def result(x, score, confidences=(0.9, 0.1), image_id=1, second=0.0):
    points = [(x, 0, confidences[0]), (x + second, 10, confidences[1])]
    return dict(image_id=image_id, score=score, keypoints=np.ravel(points).tolist())


def test_the_best_prediction_takes_its_person():
    truth = [annotation(0), annotation(100), annotation(0, image_id=2, visible=(0, 0))]
    results = [result(1, 0.5), result(0, 0.9), result(101, 0.3), result(0, 0.8, image_id=2)]
    found = match_people(results, truth, SIGMAS)
    matches = found.matches
    assert [(r['score'], a['keypoints'][0]) for r, a, _ in matches] == [(0.9, 0), (0.3, 100)]
    # 1 pixel, 2 * 0.1 * 10 = 2 pixels: exp(-1 / (2 * 2^2))
    np.testing.assert_allclose(matches[1].similarities, np.exp(-1 / 8))
    assert found.doubled == [results[0]] and found.ignored == [results[3]]
    assert not found.background and not found.missed


def test_the_missed_the_crowds_and_the_background():
    crowd = annotation(300, iscrowd=1)
    truth = [annotation(0), annotation(100), crowd, annotation(0, image_id=2)]
    results = [result(0, 0.9), result(200, 0.5), result(301, 0.4)]
    found = match_people(results, truth, SIGMAS)
    assert [m.person for m in found.matches] == [truth[0]]
    assert found.background == [results[1]] and found.ignored == [results[2]]
    assert found.missed == [truth[1], truth[3]]
    nobody = match_people([], truth, SIGMAS)
    assert not nobody.matches and nobody.missed == [truth[0], truth[1], truth[3]]
    assert match_people(results, [], SIGMAS).background == results


def test_categories_do_not_mix():
    truth = [annotation(0, category_id=1), annotation(100, category_id=2)]
    results = [result(100, 0.9) | dict(category_id=1)]
    found = match_people(results, truth, SIGMAS)
    assert found.background == results and len(found.missed) == 2


def test_confidences_that_are_what_they_say():
    """Of ten people, nine first keypoints and one second are found."""
    truth = [annotation(100 * k, visible=(2, 1)) for k in range(10)]
    results = [result(100 * k, 0.9, second=0 if k == 0 else 20) for k in range(10)]
    results[0]['keypoints'][0] += 2.5  # exp(-2.5^2 / 8) = 0.46
    measured = calibration(match_people(results, truth, SIGMAS).matches)
    assert measured['bins'] == [
        dict(count=10, confidence=pytest.approx(0.1), found=0.1),
        dict(count=10, confidence=pytest.approx(0.9), found=0.9),
    ]
    assert measured['error'] == pytest.approx(0)
    truth[0]['keypoints'][2] = 0  # not labelled: it does not count
    (_, sure) = calibration(match_people(results, truth, SIGMAS).matches)['bins']
    assert sure == dict(count=9, confidence=pytest.approx(0.9), found=1.0)


def test_confidences_that_say_too_little():
    matches = match_people(
        [result(0, 0.9, confidences=(0.2, 0.6))], [annotation(0)], SIGMAS
    ).matches
    assert calibration(matches)['error'] == pytest.approx((0.8 + 0.4) / 2)
    matches = match_people([result(0, 0.9, confidences=(0.95, 1))], [annotation(0)], SIGMAS).matches
    assert [bar['count'] for bar in calibration(matches)['bins']] == [2]


@pytest.mark.parametrize(
    ('confidences', 'given'), [((1, 1), False), ((5, 0.5), False), ((0.5, 1), True)]
)
def test_scores_that_are_no_probabilities_are_not_judged(confidences, given):
    numbers = analysis_of([annotation(0)], [result(0, 0.9, confidences=confidences)])
    assert (numbers['calibration'] is not None) is given


def line(points, **fields):
    return dict(image_id=1, area=100.0, keypoints=[v for p in points for v in p], **fields)


@pytest.mark.parametrize(
    ('places', 'kinds'),
    [
        ([(0, 0), (10, 0)], ['good', 'good']),
        ([(1, 0), (10, 0)], ['good', 'good']),  # exp(-1 / 8) = 0.88
        ([(1.5, 0), (10, 0)], ['jitter', 'good']),  # 0.75
        ([(2, 0), (10, 0)], ['jitter', 'good']),  # exp(-4 / 8) = 0.61
        ([(10, 0), (0, 0)], ['inversion', 'inversion']),
        ([(100, 0), (10, 0)], ['swap', 'good']),
        ([(110, 0), (10, 0)], ['swap', 'good']),  # the other side of somebody else
        ([(50, 0), (10, 0)], ['miss', 'good']),
    ],
)
def test_errors_whose_kind_is_known(places, kinds):
    """Two people of a left and a right keypoint, 100 pixels apart; a sigma is 2 pixels."""
    truth = [line([(x, 0, 2), (x + 10, 0, 2)]) for x in (0, 100)]
    # A third keypoint holds the pose to its person.
    for person, x in zip(truth, (0, 100), strict=True):
        person['keypoints'] += [x, 50, 2]
    found = line([(x, y, 1) for x, y in (*places, (0, 50))], score=1.0)
    matches = match_people([found], truth, np.full(3, 0.1)).matches
    assert matches[0].person is truth[0]
    expected = [ERRORS.index(kind) for kind in (*kinds, 'good')]
    found_kinds = classify_keypoints(matches, truth, np.full(3, 0.1), [1, 0, 2])
    np.testing.assert_array_equal(found_kinds, [expected])
    assert count_kinds(found_kinds).sum() == 3


def test_the_other_side_goes_before_somebody_else():
    """A right end lies where the left end of the next person is: one place, two kinds."""
    truth = [line([(x, 0, 2), (x + 10, 0, 2), (x, 50, 2)]) for x in (0, 10)]
    found = line([(10, 0, 1), (10, 0, 1), (0, 50, 1)], score=1.0)
    matches = match_people([found], truth, np.full(3, 0.1)).matches
    kinds = classify_keypoints(matches, truth, np.full(3, 0.1), [1, 0, 2])
    assert [ERRORS[kind] for kind in kinds[0]] == ['inversion', 'good', 'good']


def test_keypoints_that_are_not_labelled_have_no_kind():
    truth = [line([(0, 0, 2), (10, 0, 0)])]
    matches = match_people([line([(0, 0, 1), (10, 0, 1)], score=1.0)], truth, SIGMAS).matches
    kinds = classify_keypoints(matches, truth, SIGMAS, [1, 0])
    np.testing.assert_array_equal(kinds, [[0, -1]])
    np.testing.assert_array_equal(count_kinds(kinds), [[1, 0, 0, 0, 0], [0] * 5])


def make_set(people):
    images = [dict(id=k, file_name=f'{k}.jpg', width=400, height=100) for k in (1, 2)]
    for number, person in enumerate(people, 1):
        person.update(id=number, category_id=1)
    return dict(images=images, annotations=people, categories=[PAIR])


def analysis_of(people, results):
    """The numbers of some results of category 1."""
    truth = make_set(people)
    results = [r | dict(category_id=1) for r in results]
    return analyse(results, truth, skeleton_of(truth, 'truth.json'), SIGMAS)[0]


def test_only_twenty_people_of_an_image_count():
    """As in COCO's evaluation."""
    numbers = analysis_of([annotation(0)], [result(300, 0.5)] * 25)
    assert numbers['people']['background'] == 20


def test_doubled_people_and_scores_of_nobody():
    results = [result(0, 0.9), result(1, 0.8), result(100, 0.7)]
    numbers = analysis_of([annotation(0), annotation(100)], results)
    assert numbers['metrics']['AP'] < numbers['oracles']['doubled'] == pytest.approx(1)
    truth = [annotation(0)]
    found = match_people([result(0, 0.6), result(0.5, 0.5), result(50, 0.95)], truth, SIGMAS)
    mended, _ = mend('score', found, np.zeros((1, 2)), dict(annotations=truth))
    assert [r['score'] for r in mended] == [1, 0, 0]


def test_what_each_error_costs():
    """One person is found, one has a keypoint that is missed, one is not found at all."""
    truth = make_set([annotation(0), annotation(100), annotation(200, image_id=2)])
    skeleton = skeleton_of(truth, 'truth.json')
    assert skeleton['flip_indices'] == [1, 0]
    results = [result(0, 0.6), result(100, 0.9, second=50), result(50, 0.95, image_id=2)]
    numbers, shown = analyse([r | dict(category_id=1) for r in results], truth, skeleton, SIGMAS)
    people = numbers['people']
    assert [people[k] for k in ('labelled', 'found', 'missed', 'background')] == [3, 2, 1, 1]
    assert numbers['keypoints'] == dict(good=3, jitter=0, inversion=0, swap=0, miss=1)
    assert numbers['by_keypoint']['right_end']['miss'] == 1
    oracles, ap = numbers['oracles'], numbers['metrics']['AP']
    assert oracles['jitter'] == oracles['swap'] == oracles['doubled'] == ap
    assert ap < oracles['miss'] == oracles['keypoints']
    assert ap < oracles['score'] and ap < oracles['background'] and ap < oracles['missed']
    assert numbers['worst_images'] == [dict(image_id=2, cost=2.0), dict(image_id=1, cost=0.5)]
    assert len(shown.matches) == 2
    assert numbers['by_size']['small']['labelled'] == 3
    assert numbers['by_neighbours']['none']['found'] == 2


def test_boxes_that_hardly_touch_are_no_neighbours():
    """IoU of 3 / 17 and 1 / 19."""
    numbers = analysis_of([annotation(x) for x in (0, 7, 100, 109)], [])
    groups = numbers['by_neighbours']
    assert {name: group['labelled'] for name, group in groups.items()} == dict(none=2, one=2)


def test_neighbours():
    truth = make_set([annotation(0), annotation(4), annotation(100)])
    numbers, _ = analyse([], truth, skeleton_of(truth, 'truth.json'), SIGMAS)
    groups = numbers['by_neighbours']
    assert {name: group['labelled'] for name, group in groups.items()} == dict(none=1, one=2)
    assert numbers['metrics']['AP'] == 0 and numbers['calibration'] is None


@pytest.fixture
def files(tmp_path):
    """Annotations without areas, results with a doubled person, and photos."""
    people = [annotation(50), annotation(150, image_id=2)]
    for person in people:
        del person['area']
        person['bbox'][1] = person['keypoints'][1] = 20
    found = [result(50, 0.9), result(51, 0.8), result(150, 0.7, image_id=2)]
    for image_id in (1, 2):
        cv2.imwrite(str(tmp_path / f'{image_id}.jpg'), np.full((100, 400, 3), 90, np.uint8))
    (tmp_path / 'truth.json').write_text(json.dumps(make_set(people)))
    (tmp_path / 'found.json').write_text(json.dumps(found))
    return tmp_path


def test_the_command_writes_one_page_and_the_numbers(files, capsys):
    arguments = [str(files / 'found.json'), '--ann-file', str(files / 'truth.json')]
    main([*arguments, '--out', str(files / 'report'), '--images', str(files)])
    assert 'report/index.html' in capsys.readouterr().out
    numbers = json.loads((files / 'report/analysis.json').read_text())
    assert set(numbers['keypoints']) == set(ERRORS) and numbers['people']['doubled'] == 1
    page = (files / 'report/index.html').read_text()
    assert page.count('data:image/jpeg;base64') == 2 and page.count('<svg') == 3
    assert not re.search(r'(src|href)="(?!data:|#)', page)  # nothing from outside
    assert '2 labelled people' in page and 'left_end' in page and '1 doubled' in page

    main([*arguments, '--out', str(files / 'plain'), '--pictures', '1'])
    page = (files / 'plain/index.html').read_text()
    assert page.count('data:image/jpeg;base64') == 1 and 'give their folder' in page

    analysis = files / 'report/analysis.json'
    load_tool('dev/compare_errors').main([str(files / 'plots'), f'mine={analysis}'])
    assert '| mine | 2 |' in capsys.readouterr().out
    assert {p.name for p in (files / 'plots').iterdir()} == {'error_types.png', 'confidence.png'}


def test_names_in_files_are_text_on_the_page(files):
    """A file name cannot put a script into the report."""
    truth = json.loads((files / 'truth.json').read_text())
    truth['images'][0]['file_name'] = '<script>alert(1)</script>.jpg'
    (files / 'truth.json').write_text(json.dumps(truth))
    arguments = [str(files / 'found.json'), '--ann-file', str(files / 'truth.json')]
    main([*arguments, '--out', str(files / 'report')])
    assert '<script' not in (files / 'report/index.html').read_text()


def test_fake100(shared, tmp_path):
    folder = shared / 'data/coco_eval_fixtures/fake100'
    found = folder / 'person_keypoints_val2014_fakekeypoints100_results.json'
    truth = folder / 'person_keypoints_val2014_100.json'
    main([str(found), '--ann-file', str(truth), '--out', str(tmp_path), '--pictures', '2'])
    numbers = json.loads((tmp_path / 'analysis.json').read_text())
    expected = json.loads((folder / 'expected.json').read_text())['expected']
    assert round(numbers['metrics']['AP'], 3) == expected['AP']
    assert sum(numbers['keypoints'].values()) > 1000
    assert all(value >= numbers['metrics']['AP'] for value in numbers['oracles'].values())


@pytest.mark.parametrize(
    ('name', 'content', 'words'),
    [
        ('found', {}, 'holds no list of keypoint results'),
        ('found', [], 'is an empty list: nobody was found'),
        ('found', [result(1e12, 1)], 'more than any picture has pixels'),
        ('found', [dict(image_id=1, score=1)], 'result 0 has no keypoints'),
        ('found', [result(0, 1) | dict(keypoints=[1, 2])], 'result 0 has 2 numbers in keypoints'),
        ('found', [result(0, float('nan'))], 'result 0 has something else than finite numbers'),
        ('found', [result(0, 1, image_id=7)], 'result 0 is of image 7, which is not in'),
        ('found', [result(0, 1) | dict(category_id=0)], 'of category 0; in'),
        ('truth', make_set([annotation(0), annotation(9)] * 2), 'ids in all are not unique'),
        ('truth', make_set([annotation(0) | dict(keypoints=5)]), 'has 5 as its keypoints'),
        ('truth', make_set([annotation(0) | dict(iscrowd=1)]), 'nobody, crowds aside, has a label'),
        ('truth', [], 'not of COCO'),
        ('truth', dict(images=[], annotations=None, categories=[]), 'not of COCO'),
        ('truth', make_set([dict(image_id=1, bbox=[0, 0, 1, 1])]), 'annotation 1 has no keypoints'),
        ('truth', make_set([annotation(0, image_id=7)]), "an image that is not in 'images'"),
        ('truth', make_set([annotation(0) | dict(area=None)]), 'has None as its area'),
        (
            'truth',
            make_set([annotation(0) | dict(bbox=[1, 2])]),
            'has 2 numbers in bbox, not x',
        ),
        ('truth', make_set([annotation(0, visible=(0, 0))]), 'nobody, crowds aside, has'),
        (
            'truth',
            make_set([annotation(0)]) | dict(images=[dict(id=1)]),
            'image 1 has no file_name',
        ),
        (
            'truth',
            make_set([annotation(0)]) | dict(categories=[dict(id=1)]),
            'no category names its keypoints; give --metainfo',
        ),
        (
            'truth',
            make_set([annotation(0)]) | dict(categories=[dict(id=1, keypoints=[1, 2])]),
            'the keypoints of its category are [1, 2], no list of names',
        ),
    ],
)
def test_input_that_cannot_be_used(files, name, content, words):
    (files / f'{name}.json').write_text(json.dumps(content))
    with pytest.raises(SystemExit) as stop:
        main([str(files / 'found.json'), '--ann-file', str(files / 'truth.json')])
    assert words in str(stop.value)


def test_a_folder_of_images_that_is_not_there(files):
    with pytest.raises(SystemExit, match=r'--images .*gone is no folder'):
        main(
            [str(files / 'found.json'), '--ann-file', 'truth.json', '--images', str(files / 'gone')]
        )


def test_skeletons_of_files():
    person = dict(keypoints=[0] * 51)
    plain = skeleton_of(dict(categories=[dict(id=1)], annotations=[person]), 'a.json')
    assert plain['dataset_name'] == 'coco' and plain['num_keypoints'] == 17
    names = ['L_ear', 'R_ear', 'tail', 'eye.l', 'eye.r', 'Left hip', 'Right hip']
    coco = dict(categories=[dict(id=1, name='cat', keypoints=names)], annotations=[])
    assert skeleton_of(coco, 'a.json')['flip_indices'] == [1, 0, 2, 4, 3, 6, 5]
    with pytest.raises(InputError, match='no category names'):
        skeleton_of(dict(categories=[], annotations=[]), 'a.json')
    for limb in ([0, 1], [7, 8], [1, 2, 3], ['L_ear', 'tail'], 5):
        coco['categories'][0]['skeleton'] = [[1, 2], limb]
        with pytest.raises(InputError, match=r'a\.json: .* give pairs of numbers from 1 to 7'):
            skeleton_of(coco, 'a.json')
