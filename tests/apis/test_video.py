"""Videos, cameras, and people who keep their numbers."""

import numpy as np
import pytest
from directpose.apis.inference import find_inputs
from directpose.apis.tracking import PeopleTracker
from directpose.apis.video import (
    VideoWriter,
    frame_count,
    frame_rate,
    frames,
    is_camera,
    is_video,
    open_video,
)
from directpose.utils.errors import InputError


def box(x, y=0, size=20):
    return [x, y, x + size, y + size]


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
