"""Which location learns from whom: hand-made cases of FCOS's assignment."""

import torch
from directpose.models.directpose.assigner import CenterAssigner, centerness_targets
from directpose.models.directpose.coder import (
    decode_keypoints,
    enclosing_boxes,
    encode_keypoints,
)


def assign(points, boxes, strides=8.0, low=-1.0, high=64.0):
    points = torch.tensor(points, dtype=torch.float32).reshape(-1, 2)
    priors = torch.cat((points, torch.full_like(points, strides)), 1)
    ranges = torch.tensor([[low, high]]).expand(len(points), 2)
    boxes = torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4)
    assigner = CenterAssigner()
    return assigner(assigner.candidates(priors, ranges, boxes), boxes).tolist()


def test_nobody_in_the_image():
    assert assign([(4, 4), (12, 4)], []) == [-1, -1]


def test_only_points_strictly_inside_the_centre_square_are_positive():
    # centre (50, 50), half side 12: from 38 to 62
    points = [(50, 50), (38.01, 50), (38, 50), (61.99, 61.99), (62, 50), (50, 37)]
    assert assign(points, [(20, 20, 80, 80)]) == [0, 0, -1, 0, -1, -1]


def test_the_square_is_cut_to_the_box():
    assert assign([(50, 54.9), (50, 55), (50, 56)], [(20, 45, 80, 55)]) == [0, -1, -1]


def test_the_range_includes_its_ends():
    box = [(0, 0, 100, 100)]  # the largest distance of the centre is 50
    assert assign([(50, 50)], box, low=-1, high=50) == [0]
    assert assign([(50, 50)], box, low=50, high=64) == [0]
    assert assign([(50, 50)], box, low=50.1, high=64) == [-1]


def test_the_smallest_box_wins():
    boxes = [(0, 0, 100, 100), (30, 30, 70, 70), (20, 20, 80, 80)]
    assert assign([(50, 50)], boxes) == [1]


def test_an_empty_box_gets_no_point():
    assert assign([(0, 0), (4, 4)], [(0, 0, 0, 0)]) == [-1, -1]


def test_centerness():
    distances = torch.tensor([[5.0, 5, 5, 5], [1, 2, 4, 8], [0, 1, 2, 3]])
    torch.testing.assert_close(
        centerness_targets(distances), torch.tensor([1, (1 / 4 * 2 / 8) ** 0.5, 0])
    )


def test_coding_round_trips():
    points, strides = torch.rand(5, 2) * 100, torch.tensor([8.0, 8, 16, 32, 64])
    keypoints = torch.rand(5, 17, 2) * 300
    offsets = encode_keypoints(keypoints, points, strides)
    torch.testing.assert_close(decode_keypoints(offsets, points, strides), keypoints)
    torch.testing.assert_close(offsets[3, 2], (keypoints[3, 2] - points[3]) / 32)

    boxes = enclosing_boxes(keypoints)
    assert torch.equal(boxes[0, :2], keypoints[0].min(0).values)
