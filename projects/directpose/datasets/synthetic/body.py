"""Posable bodies of the synthetic set: a 3-D skeleton of limbs with COCO's 17 keypoints.

Axes: x to the right, y down, z towards the viewer; unit: the height of the standing body. A
body that faces the viewer has its left side at the right of the picture. J = 17 keypoints.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

HEAD_RADIUS = 0.075
SHOULDER, HIP = 0.115, 0.07  # half widths
TORSO, UPPER_ARM, FOREARM, THIGH, SHIN = 0.29, 0.165, 0.145, 0.235, 0.225

NOSE, EYES, EARS = 0, (1, 2), (3, 4)
SHOULDERS, ELBOWS, WRISTS = (5, 6), (7, 8), (9, 10)
HIPS, KNEES, ANKLES = (11, 12), (13, 14), (15, 16)
SIDES = (1, -1)  # left, right


class Body(NamedTuple):
    """A posed body.

    Attributes:
        keypoints (17, 3): in COCO's order, left before right.
        facing (5,): z of the outward direction of nose, eyes and ears; they are on the far side
            of the head where it is negative.
        head (3,): centre of the head.
        neck (3,): middle of the shoulders.
    """

    keypoints: np.ndarray
    facing: np.ndarray
    head: np.ndarray
    neck: np.ndarray


def rotation(axis: int, degrees: float) -> np.ndarray:
    """Rotation (3, 3) about axis 0, 1 or 2."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    matrix = np.eye(3)
    i, j = [k for k in range(3) if k != axis]
    matrix[[i, i, j, j], [i, j, i, j]] = c, -s, s, c
    return matrix


def limb(
    start: np.ndarray, side: int, lengths: tuple[float, float], angles: tuple, frame: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Middle and end joint of an arm or a leg.

    Args:
        start (3,): the shoulder or hip.
        side: 1 for the left, -1 for the right.
        lengths: of the two bones.
        angles: sideways, forwards, and the bend of the middle joint (positive: forwards).
        frame (3, 3): orientation of the body.
    """
    sideways, forwards, bend = angles
    upper = frame @ rotation(2, -side * sideways) @ rotation(0, forwards)
    lower = upper @ rotation(0, bend)
    down = np.array([0.0, 1.0, 0.0])
    middle = start + lengths[0] * (upper @ down)
    return middle, middle + lengths[1] * (lower @ down)


def sample_body(rng: np.random.Generator) -> Body:
    """A body in a random pose: standing, walking, reaching, sitting or crouching."""
    yaw = rng.choice(
        [rng.normal(0, 35), rng.normal(180, 35), rng.uniform(0, 360)], p=[0.6, 0.2, 0.2]
    )
    lean = rng.normal(0, 8) if rng.random() < 0.9 else rng.uniform(-80, 80)
    frame = rotation(2, lean) @ rotation(0, rng.normal(0, 8)) @ rotation(1, yaw)
    arms = [sample_arm(rng) for _ in SIDES]
    sitting = rng.random() < 0.15
    legs = [sample_leg(rng, sitting) for _ in SIDES]
    return pose_body(frame, arms, legs, (rng.normal(0, 20), rng.normal(0, 8)))


def pose_body(frame: np.ndarray, arms: Sequence, legs: Sequence, gaze: Sequence) -> Body:
    """A body of given angles, in degrees.

    Args:
        frame (3, 3): orientation of the trunk.
        arms, legs: see :func:`limb`, of the left and the right one.
        gaze: how far the head is turned and tilted against the trunk.
    """
    keypoints = np.zeros((17, 3))
    neck = frame @ [0, -TORSO, 0]
    for index, side in enumerate(SIDES):
        keypoints[SHOULDERS[index]] = shoulder = neck + frame @ [side * SHOULDER, 0, 0]
        keypoints[HIPS[index]] = hip = frame @ [side * HIP, 0, 0]
        elbow, wrist = limb(shoulder, side, (UPPER_ARM, FOREARM), arms[index], frame)
        keypoints[ELBOWS[index]], keypoints[WRISTS[index]] = elbow, wrist
        knee, ankle = limb(hip, side, (THIGH, SHIN), legs[index], frame)
        keypoints[KNEES[index]], keypoints[ANKLES[index]] = knee, ankle

    turned = frame @ rotation(1, gaze[0]) @ rotation(2, gaze[1])
    head = neck + frame @ [0, -0.055, 0] + turned @ [0, -HEAD_RADIUS, 0.01]
    outward = np.array(
        [[0, 0.1, 1], [0.42, -0.3, 0.86], [-0.42, -0.3, 0.86], [1, 0, 0.05], [-1, 0, 0.05]]
    )
    outward = outward @ turned.T
    keypoints[:5] = head + HEAD_RADIUS * outward
    return Body(keypoints, outward[:, 2], head, neck)


def walking_body(phase: float, yaw: float) -> Body:
    """A body that walks.

    Args:
        phase: of the step, in radians; after 2 pi everything begins again.
        yaw: where to, in degrees; 0 is towards the viewer, 90 to the left of the picture.
    """
    swings = np.sin(phase), -np.sin(phase)
    legs = [(3, 26 * swing, -18 - 16 * np.cos(phase + k * np.pi)) for k, swing in enumerate(swings)]
    arms = [(8, -24 * swing, 22) for swing in swings]
    return pose_body(rotation(1, yaw), arms, legs, (0.0, 0.0))


def sample_arm(rng: np.random.Generator) -> tuple[float, float, float]:
    """Angles of an arm, in degrees: mostly hanging, else raised to any height."""
    if rng.random() < 0.82:
        return abs(rng.normal(10, 10)), rng.normal(0, 16), abs(rng.normal(10, 20))
    return rng.uniform(20, 155), rng.normal(0, 15), abs(rng.normal(20, 28))


def sample_leg(rng: np.random.Generator, sitting: bool) -> tuple[float, float, float]:
    """Angles of a leg, in degrees."""
    if sitting:
        return abs(rng.normal(10, 8)), rng.normal(75, 12), -rng.normal(75, 15)
    return abs(rng.normal(6, 7)), rng.normal(0, 16), -abs(rng.normal(8, 16))
