"""Videos, cameras, and people who keep their numbers."""

import json
from unittest import mock

import cv2
import numpy as np
import pytest
from directpose.apis.image_lists import list_images
from directpose.apis.inference import find_inputs
from directpose.apis.tracking import PeopleTracker, PoseSmoother, PoseTracker
from directpose.apis.video import (
    VideoWriter,
    frame_count,
    frame_rate,
    frames,
    is_camera,
    is_video,
    open_video,
)
from directpose.datasets.synthetic.film import FPS, make_film
from directpose.utils.errors import INCOMPLETE, InputError
from helpers.commands import CONFIG, call, load_tool
from mmengine.structures import InstanceData


def box(x, y=0, size=20):
    return [x, y, x + size, y + size]


def test_a_name_that_is_not_utf8():
    with pytest.raises(InputError, match='rename it'), open_video('caf\udce9.mp4'):
        pass


@pytest.mark.parametrize('fps', [23.976, 99.987, 239.847, 719.86])
def test_any_rate_is_written(fps, tmp_path):
    path = str(tmp_path / 'fast.mp4')
    with VideoWriter(path, fps) as writer:
        writer.write(np.zeros((32, 32, 3), np.uint8))
    with open_video(path) as capture:
        assert frame_rate(capture) == pytest.approx(fps, abs=0.05)


def test_patterns_name_files(tmp_path):
    (tmp_path / 'folder').mkdir()
    (tmp_path / 'a.jpg').touch()
    assert find_inputs([str(tmp_path / '*')]) == [str(tmp_path / 'a.jpg')]


def test_pictures_of_an_earlier_call_are_passed_over(tmp_path):
    (tmp_path / 'out').mkdir()
    seen, drawn = tmp_path / 'a.jpg', tmp_path / 'out/00001_a.jpg'
    seen.touch()
    drawn.touch()
    out = str(tmp_path / 'out')
    assert find_inputs([str(tmp_path)], out) == find_inputs([f'{tmp_path}/**'], out) == [str(seen)]
    assert find_inputs([str(drawn)], out) == [str(drawn)]
    assert find_inputs([out], out) == [str(drawn)]
    assert find_inputs([out], str(tmp_path)) == [str(drawn)]


def test_a_list_with_a_byte_order_mark(tmp_path):
    (tmp_path / 'list.txt').write_bytes('\ufeffa.jpg\nb.jpg\n'.encode())
    assert list(list_images(str(tmp_path / 'list.txt'))) == ['a.jpg', 'b.jpg']


def test_people_keep_their_numbers():
    tracker = PeopleTracker()
    assert tracker.update(np.array([box(0), box(100)])) == [0, 1]
    # the other order, moved, and somebody new
    assert tracker.update(np.array([box(104), box(50), box(3)])) == [1, 2, 0]


def test_a_person_is_remembered_for_a_while():
    tracker = PeopleTracker(patience=2)
    nobody = np.zeros((0, 4))
    assert tracker.update(np.array([box(0)])) == [0]
    assert tracker.update(nobody) == [] and tracker.update(nobody) == []
    assert tracker.update(np.array([box(2)])) == [0]
    for _ in range(3):
        tracker.update(nobody)
    assert tracker.update(np.array([box(2)])) == [1]


def test_the_best_pairs_together_not_one_after_the_other():
    tracker = PeopleTracker()
    assert tracker.update(np.array([box(0), box(10)])) == [0, 1]
    # taken first, the left box would prefer number 1 and leave nothing for the other
    assert tracker.update(np.array([box(6), box(22)])) == [0, 1]


def test_poses_tell_people_apart_whose_boxes_are_the_same():
    """Two people in one box, each on a diagonal of its own."""
    down = np.linspace((0, 0), (100, 100), 5)
    poses, boxes = np.stack([down, down * [1, -1] + [0, 100]]), np.array([box(0, size=100)] * 2)
    tracker = PoseTracker([0.05] * 5)
    assert tracker.update(poses) == [0, 1]
    assert tracker.update(poses[::-1] + 2.0) == [1, 0]
    assert tracker.update(poses + 300.0) == [2, 3]
    by_box = PeopleTracker()
    by_box.update(boxes)
    assert by_box.update(boxes) == [0, 1]  # whoever comes first


def test_people_beyond_the_edge_of_the_picture():
    """Their boxes, cut to it, have no area, and the IoU of two such boxes is 0 / 0."""
    tracker, boxes = PeopleTracker(), np.array([box(30), [0, 10, 0, 50]], np.float32)
    assert tracker.update(boxes) == [0, 1]
    assert tracker.update(boxes) == [0, 2]


def test_keypoints_on_a_line():
    pair, tracker = np.array([[[50.0, 0.0], [50.0, 100.0]]]), PoseTracker([0.05] * 2)
    assert tracker.update(pair) == tracker.update(pair + 3) == [0]


def test_classes_are_kept_apart():
    tracker = PeopleTracker()
    found = [InstanceData(bboxes=np.array([box(n)]), labels=np.array([n % 2])) for n in range(4)]
    assert [tracker.track(people) for people in found] == [[0], [1], [0], [1]]


def film_with_noise(noise, frames=60):
    """Truth and noisy predictions of a rendered film."""
    rng, film = np.random.default_rng(0), []
    for _, truth in make_film(1, frames, 3):
        labels = np.array([a['keypoints'] for a in truth]).reshape(len(truth), 17, 3)
        poses = labels[..., :2] + rng.normal(0, noise, (len(truth), 17, 2))
        boxes = np.concatenate([poses.min(1), poses.max(1)], 1)
        scores = np.ones(len(truth))
        people = InstanceData(keypoints=poses, bboxes=boxes, bbox_scores=scores)
        people.labels = np.zeros(len(truth), int)
        film.append((people, [a | dict(image_id=0) for a in truth]))
    return film


def test_smoothing_takes_out_the_noise_and_keeps_up():
    """The tremble of noise of 2 pixels is halved, and the poses are nearer to the truth."""
    measure, sigmas = load_tool('dev/tracking').measure, np.full(17, 0.08)
    film = film_with_noise(2.0)
    plain = measure(film, PoseTracker(sigmas), None, sigmas)
    smooth = measure(film, PoseTracker(sigmas), PoseSmoother(FPS), sigmas)
    error, change = (np.nanmean(plain[k]) for k in (0, 1))
    assert np.nanmean(smooth[0]) < error and np.nanmean(smooth[1]) < 0.7 * change
    assert smooth[2] == plain[2]


def test_a_still_person_gets_still_and_a_new_one_begins_anew():
    smoother, rng = PoseSmoother(25, patience=3), np.random.default_rng(0)
    body = np.linspace((0, 0), (40, 100), 17)
    first = smoother.smooth([7], body[None])
    np.testing.assert_array_equal(first[0], body)
    last = first
    for _ in range(40):
        last = smoother.smooth([7], body[None] + rng.normal(0, 1, (1, 17, 2)))
    assert np.abs(last - body).mean() < 0.5
    for _ in range(5):
        assert smoother.smooth([], np.zeros((0, 17, 2))).shape == (0, 17, 2)
    np.testing.assert_array_equal(smoother.smooth([7], body[None] + 50)[0], body + 50)


def test_smoothing_does_not_depend_on_the_size_of_the_picture():
    steps = [np.linspace((0, 0), (40, 100), 17)[None] + [3.0 * k, 0] for k in range(10)]
    small, large = PoseSmoother(25), PoseSmoother(25)
    for step in steps:
        a, b = small.smooth([0], step), large.smooth([0], 10 * step)
    np.testing.assert_allclose(10 * a, b)


def test_the_film_is_what_its_labels_say():
    first, again = (list(make_film(3, 30, 2)) for _ in range(2))
    assert all((a[0] == b[0]).all() and a[1] == b[1] for a, b in zip(first, again, strict=True))
    assert {a['track_id'] for _, truth in first for a in truth} == {0, 1}
    moves = [[a['keypoints'][15] for a in truth if a['track_id'] == 0] for _, truth in first]
    assert abs(moves[0][0] - moves[-1][0]) > 20  # the shoulder crosses the picture
    still = np.abs(first[0][0].astype(int) - first[1][0]).mean()
    assert 1 < still < 8  # noise, and two people a little further


def test_a_video_comes_back(tmp_path):
    path = str(tmp_path / 'a.mp4')
    with VideoWriter(path, 10) as writer:
        for value in range(0, 250, 50):
            writer.write(np.full((48, 64, 3), value, np.uint8))
        assert not (tmp_path / 'a.mp4').exists()
    assert [p.name for p in tmp_path.iterdir()] == ['a.mp4']
    with open_video(path) as capture:
        assert frame_rate(capture) == 10
        assert (frame_count(capture, None), frame_count(capture, 3)) == (5, 3)
        seen = list(frames(capture))
    assert len(seen) == 5 and seen[0].shape == (48, 64, 3)
    assert [round(f.mean() / 50) for f in seen] == [0, 1, 2, 3, 4]


def test_ctrl_c_while_a_frame_is_written(tmp_path):
    path = str(tmp_path / 'a.mp4')
    with VideoWriter(path, 10) as writer:
        writer.write(np.zeros((48, 64, 3), np.uint8))
        opencv = writer._writer

        def interrupted(frame):
            opencv.write(frame)
            raise KeyboardInterrupt

        writer._writer = mock.Mock(write=interrupted, release=opencv.release)
        with pytest.raises(KeyboardInterrupt):
            writer.write(np.zeros((48, 64, 3), np.uint8))
    with open_video(path) as capture:
        assert frame_count(capture, None) == 2


def test_frames_of_another_size(tmp_path):
    path = str(tmp_path / 'a.mp4')
    with VideoWriter(path, 10) as writer:
        for height in (48, 96):
            writer.write(np.zeros((height, 64, 3), np.uint8))
    with open_video(path) as capture:
        assert [frame.shape for frame in frames(capture)] == [(48, 64, 3)] * 2


def test_half_a_video_is_not_left_behind(tmp_path):
    with pytest.raises(KeyError), VideoWriter(str(tmp_path / 'a.mp4'), 10) as writer:
        writer.write(np.zeros((48, 64, 3), np.uint8))
        raise KeyError
    assert not list(tmp_path.iterdir())
    words = r'cannot write the video .*nowhere/a\.mp4'
    with (
        pytest.raises(InputError, match=words),
        VideoWriter(str(tmp_path / 'nowhere/a.mp4'), 10) as writer,
    ):
        writer.write(np.zeros((48, 64, 3), np.uint8))


def test_a_video_whose_name_is_too_long(tmp_path):
    with (
        pytest.raises(InputError, match=r'cannot write the video .*File name too long'),
        VideoWriter(str(tmp_path / f'{"v" * 260}.mp4'), 10) as writer,
    ):
        writer.write(np.zeros((48, 64, 3), np.uint8))
    assert not list(tmp_path.iterdir())
    with pytest.raises(InputError, match='is not UTF-8'):
        VideoWriter('caf\udce9.mp4', 10)


def test_a_video_that_is_cut_short(trained, tmp_path):
    path, size = tmp_path / 'cut.avi', (64, 48)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*'MJPG'), 10, size)
    for _ in range(20):
        writer.write(np.random.default_rng(0).integers(0, 256, (*size[::-1], 3), np.uint8))
    writer.release()
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    done = call('demo', CONFIG, trained / 'epoch_1.pth', path, '--out', tmp_path / 'out')
    assert done.returncode == INCOMPLETE
    frames_of = json.loads((tmp_path / 'out/predictions.json').read_text())['images']
    assert 0 < len(frames_of) < 18 and len(list((tmp_path / 'out').glob('*.mp4'))) == 1


def test_inputs_by_files_folders_patterns_and_numbers(tmp_path):
    for name in ('b.mp4', 'a.jpg', 'c.txt', 'd.avi'):
        (tmp_path / name).write_bytes(b'')
    names = [str(tmp_path / name) for name in ('a.jpg', 'b.mp4', 'd.avi')]
    assert find_inputs([str(tmp_path)]) == names
    assert find_inputs(['0', str(tmp_path / '*.mp4')]) == ['0', names[1]]
    with pytest.raises(InputError, match=r'no\*\.mp4 names no image or video'):
        find_inputs([str(tmp_path / 'no*.mp4')])


def test_what_is_a_video(tmp_path, monkeypatch):
    assert is_video('a/b.MP4') and is_video('0') and not is_video('a.jpg')
    assert is_video('a.wmv') and not is_camera('20240101123456') and not is_camera('²')
    monkeypatch.chdir(tmp_path)
    (tmp_path / '0').mkdir()
    assert not is_camera('0')


def test_what_cannot_be_opened(tmp_path):
    broken = tmp_path / 'broken.mp4'
    broken.write_bytes(b'no video')
    with pytest.raises(InputError, match=r'broken\.mp4 is no video'), open_video(str(broken)):
        pass
    with pytest.raises(InputError, match='77 is no camera'), open_video('77'):
        pass


def test_smoothing_is_in_seconds():
    """Every second frame of 50 a second is as 25 a second."""
    body, nobody = np.linspace((0, 0), (40, 100), 17)[None], np.zeros((0, 17, 2))
    slow, fast = PoseSmoother(25), PoseSmoother(50)
    slow.smooth([0], body)
    fast.smooth([0], body)
    fast.smooth([], nobody)
    np.testing.assert_allclose(slow.smooth([0], body + 3), fast.smooth([0], body + 3))


def test_people_may_move_between_frames():
    """By more than annotators differ: the OKS of these two is 0.02."""
    down, tracker = np.linspace((0, 0), (100, 100), 5)[None], PoseTracker([0.05] * 5)
    assert tracker.update(down) == tracker.update(down + 14) == [0]


@pytest.mark.parametrize(('told', 'taken'), [(0.0, 25), (90000.0, 25), (30.0, 30)])
def test_sources_that_do_not_know_their_rate(told, taken):
    assert frame_rate(mock.Mock(get=lambda _: told)) == taken
