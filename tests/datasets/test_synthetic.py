"""Rendered people: annotations that fit the pixels, repeatable sets, bad arguments."""

import hashlib
import json

import cv2
import numpy as np
import pytest
from directpose.datasets.synthetic.body import sample_body
from directpose.datasets.synthetic.render import OBJECT, Canvas, draw_body, sample_clothes
from directpose.datasets.synthetic.scenes import (
    HEIGHTS,
    SCENES,
    annotate,
    make_image,
    make_synthetic_set,
    project_points,
)
from directpose.utils.errors import InputError
from helpers.commands import call

GUESS_RADIUS = SCENES['plain'].guess_radius


def digest(folder):
    """Hash of the names and bytes of all files of a folder."""
    files = sorted(p for p in folder.rglob('*') if p.is_file())
    content = b''.join(str(p.relative_to(folder)).encode() + p.read_bytes() for p in files)
    return hashlib.sha256(content).hexdigest()


def test_same_seed_same_bytes(tmp_path, synthetic_set):
    make_synthetic_set(tmp_path / 'a', 8, 4, seed=3, workers=2)
    assert digest(tmp_path / 'a') == digest(synthetic_set)
    make_synthetic_set(tmp_path / 'b', 8, 4, seed=4, workers=1)
    assert digest(tmp_path / 'b') != digest(synthetic_set)


def test_the_set_is_a_coco_keypoint_set(synthetic_set):
    train, val = (
        json.loads((synthetic_set / f'annotations/{split}.json').read_text())
        for split in ('train', 'val')
    )
    assert (len(train['images']), len(val['images'])) == (8, 4)
    assert not {i['id'] for i in train['images']} & {i['id'] for i in val['images']}
    for coco in (train, val):
        sizes = {i['id']: (i['width'], i['height']) for i in coco['images']}
        assert len({a['id'] for a in coco['annotations']}) == len(coco['annotations'])
        for image in coco['images']:
            shape = cv2.imread(str(synthetic_set / 'images' / image['file_name'])).shape
            assert shape[:2] == (image['height'], image['width'])
        for a in coco['annotations']:
            x, y, v = np.array(a['keypoints']).reshape(17, 3).T
            width, height = sizes[a['image_id']]
            assert set(v) <= {0, 1, 2} and (v > 0).sum() == a['num_keypoints']
            assert not x[v == 0].any() and not y[v == 0].any()
            assert (x >= 0).all() and (x < width).all() and (y >= 0).all() and (y < height).all()
            left, top, w, h = a['bbox']
            assert left >= 0 and top >= 0 and left + w <= width and top + h <= height
            assert 0 < a['area'] <= w * h
            # what is seen of a person lies in the box around what is seen of it
            seen = v == 2
            assert (x[seen] >= left - 1).all() and (x[seen] <= left + w).all()
            assert (y[seen] >= top - 1).all() and (y[seen] <= top + h).all()


def test_the_set_is_rich():
    annotations = [make_image(0, number)[1] for number in range(40)]
    counts = {len(found) for found in annotations}
    assert min(counts) <= 2 and max(counts) >= 7
    people = [a for found in annotations for a in found]
    visible = np.concatenate([a['keypoints'][2::3] for a in people])
    for value in (0, 1, 2):
        assert (visible == value).mean() > 0.03
    heights = [a['bbox'][3] for a in people]
    assert max(heights) > 3 * min(heights) and max(heights) > HEIGHTS[0]


def test_left_is_warm_and_right_is_cool():
    rng = np.random.default_rng(0)
    for _ in range(10):
        left, right = (color.astype(float) for color in sample_clothes(rng)['sides'])
        assert left[2] >= left[0] and right[0] >= right[2]  # BGR


def test_who_faces_the_viewer_has_the_left_side_at_the_right():
    rng = np.random.default_rng(0)
    bodies = [sample_body(rng) for _ in range(300)]
    upright = [b for b in bodies if b.keypoints[5:7, 1].mean() < b.keypoints[11:13, 1].mean() - 0.2]
    facing = [b for b in upright if b.facing[0] > 0.9]
    turned = [b for b in upright if b.facing[0] < -0.9]
    assert len(facing) > 30 and len(turned) > 10
    assert np.mean([b.keypoints[5, 0] > b.keypoints[6, 0] for b in facing]) > 0.9
    assert np.mean([b.keypoints[5, 0] < b.keypoints[6, 0] for b in turned]) > 0.9


def test_a_drawn_body_owns_its_pixels():
    rng = np.random.default_rng(2)
    canvas = Canvas(np.zeros((200, 200, 3), np.uint8), *np.zeros((2, 200, 200), np.int32))
    body = sample_body(rng)
    draw_body(
        canvas, body, lambda p: np.asarray(p)[..., :2] * 120 + 100, 120, 7, sample_clothes(rng)
    )
    drawn = canvas.image.any(-1)
    assert drawn.sum() > 500
    assert ((canvas.owners == 7) <= drawn).all()
    assert (canvas.owners[drawn] == 7).mean() > 0.8  # the rest is the soft outline


def test_visibility_is_what_is_seen():
    canvas = Canvas(np.zeros((300, 300, 3), np.uint8), *np.zeros((2, 300, 300), np.int32))
    rng = np.random.default_rng(5)
    bodies = (sample_body(rng) for _ in range(1000))
    # Arms hang at the sides, so that nothing of the body covers its own joints.
    body = next(b for b in bodies if b.facing[0] > 0.95 and np.ptp(b.keypoints[:, 0]) > 0.45)
    draw_body(
        canvas, body, lambda p: project_points(p, 250, (150, 130)), 250, 1, sample_clothes(rng)
    )
    keypoints = project_points(body.keypoints, 250, (150, 130))
    near = np.append(body.facing > 0, np.ones(12, bool))
    before = annotate(canvas, 1, keypoints, near, 250, GUESS_RADIUS)
    assert before['area'] == (canvas.owners == 1).sum()
    x, y = np.round(keypoints[9]).astype(int)
    assert before['keypoints'][9 * 3 + 2] == before['keypoints'][14 * 3 + 2] == 2

    canvas.owners[y - 3 : y + 4, x - 3 : x + 4] = OBJECT
    after = annotate(canvas, 1, keypoints, near, 250, GUESS_RADIUS)
    changed = [
        k for k in range(17) if after['keypoints'][3 * k + 2] != before['keypoints'][3 * k + 2]
    ]
    assert 9 in changed and after['keypoints'][9 * 3 + 2] == 1
    assert after['keypoints'][14 * 3 + 2] == 2 and after['area'] < before['area']

    canvas.owners[y - 30 : y + 31, x - 30 : x + 31] = OBJECT  # nobody could tell any more
    hidden = annotate(canvas, 1, keypoints, near, 250, GUESS_RADIUS)
    assert hidden['keypoints'][9 * 3 : 10 * 3] == [0, 0, 0]

    shifted = keypoints - [0, keypoints[14, 1] + 1]
    away = annotate(canvas, 1, shifted, near, 250, GUESS_RADIUS)
    assert away['keypoints'][14 * 3 : 15 * 3] == [0, 0, 0]
    turned = annotate(canvas, 1, keypoints, ~near, 250, GUESS_RADIUS)
    assert turned['keypoints'][:3] == [0, 0, 0]


def test_an_existing_folder_is_refused(tmp_path):
    with pytest.raises(InputError, match='exists already'):
        make_synthetic_set(tmp_path, 1, 1)


def test_hard_scenes_are_harder():
    """More people, more of them covered, labelled keypoints outside of the box."""

    def describe(scenes):
        images = [make_image(5, number, scenes)[1] for number in range(30)]
        labels, outside = [], []
        for a in (a for annotations in images for a in annotations):
            points = np.array(a['keypoints']).reshape(17, 3)
            points = points[points[:, 2] > 0]
            low, size = np.split(np.array(a['bbox']), 2)
            labels += points[:, 2].tolist()
            outside += ((points[:, :2] < low) | (points[:, :2] > low + size)).any(1).tolist()
        return np.mean([len(i) for i in images]), np.mean(np.array(labels) == 1), np.mean(outside)

    plain, hard = describe('plain'), describe('hard')
    assert hard[0] > 1.5 * plain[0] and hard[1] > 1.3 * plain[1] and hard[2] > 3 * plain[2]


def test_people_without_labels(tmp_path):
    """A share of the training people; the boxes stay, and so do those of the held-out images."""
    count = ['--num-train', 12, '--num-val', 3, '--workers', 1]
    call('make_synthetic', f'{tmp_path}/set/', *count, '--unlabelled', 0.3)
    train, val = (
        json.loads((tmp_path / f'set/annotations/{split}.json').read_text())['annotations']
        for split in ('train', 'val')
    )
    unlabelled = [a for a in train if not any(a['keypoints'][2::3])]
    assert len(unlabelled) == round(0.3 * len(train)) > 0
    assert all(a['num_keypoints'] == 0 and min(a['bbox'][2:]) > 0 for a in unlabelled)
    assert all(a['num_keypoints'] for a in val)
    done = call('make_synthetic', tmp_path / 'x', '--labels', 'x.npz', '--unlabelled', 0.3)
    assert done.returncode == 1 and 'not for --labels' in done.stderr
