"""People drawn where those of COCO's images are."""

import json
import re

import cv2
import numpy as np
import pytest
from directpose.datasets.synthetic.body import sample_body
from directpose.datasets.synthetic.layouts import (
    SHAPES,
    body_of,
    choose_layouts,
    complete_poses,
    fill_gaps,
    read_labels,
)
from directpose.datasets.synthetic.scenes import draw_layout
from helpers import commands


def make_labels(num_images=10):
    """Arrays of people of our own, two to an image of 640 x 480; the second lacks its legs."""
    rng = np.random.default_rng(0)
    size, rows = np.array([640, 480]), []
    for image in range(num_images):
        for person in range(2):
            points = sample_body(rng).keypoints[:, :2] * 260 + [200 + 240 * person, 240]
            visible = np.full(17, 2)
            visible[13:] = 0 if person else 2
            known = points[visible > 0]
            center, extent = (known.max(0) + known.min(0)) / 2, np.ptp(known, axis=0)
            rows.append(
                dict(
                    image_id=100 + image,
                    is_val2017=image >= num_images - 3,
                    size_wh=size.astype(np.int16),
                    bbox_cxcywh=np.concatenate((center / size, extent / size)),
                    kpt_xy=np.where(visible[:, None], points / size, 0),
                    kpt_v=visible.astype(np.uint8),
                )
            )
    return {name: np.stack([row[name] for row in rows]) for name in SHAPES}


def incomplete():
    """Labels of people who all lack their legs."""
    labels = make_labels()
    labels['kpt_v'][:, 13:] = 0
    return labels


@pytest.fixture
def labels_file(tmp_path):
    path = tmp_path / 'labels.npz'
    np.savez(path, **make_labels())
    return path


def test_layouts_are_the_labels_scaled(labels_file):
    train, val = choose_layouts(str(labels_file), 7, 3, 0, 320)
    assert [x.image_id for x in train + val] == list(range(100, 110))
    arrays = make_labels()
    for layout in train:
        rows = arrays['image_id'] == layout.image_id
        assert (layout.width, layout.height) == (320, 240)
        seen = layout.visible > 0
        expected = arrays['kpt_xy'][rows] * [320, 240]
        np.testing.assert_allclose(layout.keypoints[seen], expected[seen])
    some = choose_layouts(str(labels_file), 3, 1, 0, 320)[0]
    assert len(some) == 3 and {x.image_id for x in some} < {x.image_id for x in train}


def test_gaps_are_filled_from_the_pose_that_fits():
    rng = np.random.default_rng(1)
    poses = rng.normal(size=(5, 17)) + 1j * rng.normal(size=(5, 17))
    poses -= poses.mean(1, keepdims=True)
    moved = 60 * np.exp(0.2j) * poses[3] + (30 + 80j)
    points = np.stack((moved.real, moved.imag), 1)
    known = np.arange(17) < 9
    box = np.array([30, 80, 60, 60])
    filled = fill_gaps(np.where(known[:, None], points, 0), known, box, poses)
    np.testing.assert_array_equal(filled[known], points[known])
    assert np.hypot(*(filled - points)[~known].T).max() < 0.15 * 60

    # A single keypoint tells the place, the box the size, nothing the turn: upright it is.
    one = np.arange(17) == 0
    filled = fill_gaps(np.where(one[:, None], points, 0), one, box, poses)
    shape = (filled - filled[0]) @ [1, 1j]
    assert np.allclose(np.abs(shape[:, None] - 60 * (poses - poses[:, :1]).T).sum(0).min(), 0)


def test_a_body_is_as_large_as_its_longest_limbs_say():
    points = sample_body(np.random.default_rng(3)).keypoints[:, :2]
    body, size = body_of(points * 200, np.full(17, 2))
    assert 0.7 * 200 < size < 1.3 * 200
    np.testing.assert_allclose(body.keypoints[:, :2] * size, points * 200)
    covered = np.full(17, 2)
    covered[9] = 1
    depth = body_of(points * 200, covered)[0].keypoints[:, 2]
    assert depth.argmin() == 9 and len(np.unique(depth)) == 2


def test_what_is_not_labelled_is_drawn_but_stays_unlabelled(labels_file):
    layout = choose_layouts(str(labels_file), 7, 3, 0, 640)[0][0]
    image, (first, second) = draw_layout(0, layout)
    assert image.shape == (480, 640, 3)
    visible = [np.array(a['keypoints'][2::3]) for a in (first, second)]
    legless = min(visible, key=lambda v: (v > 0).sum())
    assert not legless[13:].any() and (legless > 0).sum() > 6
    person = next(a for a, v in zip((first, second), visible, strict=True) if v is legless)
    lowest = max(y for y, v in zip(person['keypoints'][1::3], legless, strict=True) if v)
    assert person['bbox'][1] + person['bbox'][3] > lowest + 20


def test_the_tool_draws_a_set(labels_file, tmp_path):
    args = ['--labels', str(labels_file), '--num-train', '4', '--num-val', '2', '--workers', '1']
    out = tmp_path / 'out'
    commands.call('make_synthetic', str(out), *args, '--long-side', '160')
    train, val = (json.loads((out / f'annotations/{s}.json').read_text()) for s in ('train', 'val'))
    assert (len(train['images']), len(val['images'])) == (4, 2)
    assert all(image['id'] >= 107 for image in val['images'])
    assert "COCO's" in val['info']['description']
    image = cv2.imread(str(out / 'images' / val['images'][0]['file_name']))
    assert image.shape == (120, 160, 3)
    layout = choose_layouts(str(labels_file), 4, 2, 0, 160)[1][0]
    again, annotations = draw_layout(0, layout)
    assert np.abs(image.astype(int) - again).mean() < 8  # of JPEG
    written = [a for a in val['annotations'] if a['image_id'] == layout.image_id]
    assert [a['keypoints'] for a in written] == [a['keypoints'] for a in annotations]


def test_people_without_a_keypoint_are_left_out(labels_file):
    labels = make_labels()
    labels['kpt_v'][1] = 0
    np.savez(labels_file, **labels)
    assert [len(x.visible) for x in choose_layouts(str(labels_file), 7, 3, 0, 320)[0]] == [1] + [
        2
    ] * 6


def test_labels_or_scenes(labels_file, tmp_path, capsys):
    args = ['--labels', labels_file, '--scenes', 'hard']
    assert commands.call('make_synthetic', tmp_path / 'out', *args).returncode == 2
    assert 'not allowed with' in capsys.readouterr().err
    done = commands.call('make_synthetic', tmp_path / 'out', *args[:2], '--long-side', 8)
    assert done.returncode == 1 and 'images of 8 pixels are too small' in done.stderr


@pytest.mark.parametrize(
    ('spoil', 'message'),
    [
        (lambda path: path.unlink(), 'check the path'),
        (lambda path: path.write_bytes(b'no zip'), 'is no .npz'),
        (lambda path: path.write_bytes(path.read_bytes()[:900]), 'is no .npz'),
        (lambda path: np.savez(path, image_id=[1]), "lacks \\['bbox_cxcywh', 'is_val2017'"),
        (lambda path: np.savez(path, **{**make_labels(), 'kpt_v': np.zeros((20, 16))}), 'kpt_v'),
        (lambda path: np.savez(path, **{n: [{}] for n in SHAPES}), 'is no .npz of plain arrays'),
        (
            lambda path: np.savez(path, **{**make_labels(), 'kpt_v': np.full((20, 17), 3)}),
            '0, 1 and 2',
        ),
        (lambda path: np.savez(path, **make_labels() | dict(image_id=['x'] * 20)), 'not numbers'),
        (lambda path: np.savez(path, **incomplete()), 'has nobody above 200 pixels'),
        (lambda path: np.savez(path, **make_labels(5)), 'has 2 train images, not 1024'),
    ],
)
def test_other_files_are_refused(labels_file, tmp_path, spoil, message):
    spoil(labels_file)
    done = commands.call('make_synthetic', tmp_path / 'out', '--labels', labels_file)
    assert done.returncode == 1 and done.stderr.count('\n') == 1
    assert done.stderr.startswith('error: ') and str(labels_file) in done.stderr
    assert re.search(message, done.stderr), done.stderr
    assert not (tmp_path / 'out').exists()


def test_cocos_layouts_keep_their_scale_and_crowding(shared):
    path = str(shared / 'data/coco_pose_labels/coco2017_pose_labels.npz')
    labels = read_labels(path)
    assert len(complete_poses(labels)) == 2000
    layouts = choose_layouts(path, 40, 1, 0, 320)[0]
    people = [
        np.array(a['keypoints']).reshape(17, 3) for x in layouts for a in draw_layout(0, x)[1]
    ]
    labelled = sum((x.visible > 0).sum() for x in layouts)
    kept = sum((p[:, 2] > 0).sum() for p in people)
    assert 2 < len(people) / 40 < 4 and 0.95 * labelled < kept <= labelled
