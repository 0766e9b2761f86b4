"""A film of people who walk past each other, with the true place of every keypoint."""

import functools
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from .body import walking_body
from .render import Canvas, draw_background, draw_body, sample_clothes
from .scenes import SCENES, annotate, project_points

SHAPE = (256, 320)  # (h, w), in pixels
FPS = 25.0
STEP = 1.0  # steps of both legs a second
NOISE = 3.0  # of the sensor, standard deviation in grey levels


class Walker(NamedTuple):
    """Somebody who crosses the picture.

    Attributes:
        size: height in pixels.
        start: x of the hips in the first frame.
        speed: pixels a second, positive to the right.
        phase: of the first step.
        clothes: see :func:`sample_clothes`.
    """

    size: float
    start: float
    speed: float
    phase: float
    clothes: dict


def make_film(
    seed: int, num_frames: int, num_people: int = 3
) -> Iterator[tuple[np.ndarray, list[dict]]]:
    """Frames (H, W, 3), BGR, at 25 a second, and the annotations of the people in them.

    Annotations are COCO's without ids; ``track_id`` tells the people apart, from 0 on. The light
    stays, the noise of the sensor is new in every frame. Half of them walk against the others.
    """
    rng = np.random.default_rng(seed)
    scene = draw_background(SHAPE, rng)
    walkers = [make_walker(rng, number) for number in range(num_people)]
    for frame in range(num_frames):
        canvas = Canvas(*(layer.copy() for layer in scene))
        people = [draw_walker(canvas, w, owner, frame) for owner, w in enumerate(walkers, 1)]
        noisy = canvas.image + rng.normal(0, NOISE, canvas.image.shape)
        found = [annotate(canvas, *person, SCENES['plain'].guess_radius) for person in people]
        labelled = [a | dict(track_id=k) for k, a in enumerate(found) if a['num_keypoints']]
        yield noisy.clip(0, 255).astype(np.uint8), labelled


def make_walker(rng: np.random.Generator, number: int) -> Walker:
    """A random walker; who comes later stands nearer."""
    direction = 1 if number % 2 == 0 else -1
    size = 120 + 18 * number + rng.uniform(-6, 6)
    start = SHAPE[1] * (0.5 - direction * rng.uniform(0.25, 0.45))
    speed = direction * rng.uniform(0.35, 0.55) * size
    return Walker(size, start, speed, rng.uniform(0, 2 * np.pi), sample_clothes(rng))


def draw_walker(
    canvas: Canvas, walker: Walker, owner: int, frame: int
) -> tuple[int, np.ndarray, np.ndarray, float]:
    """Draw somebody in a frame; returns what :func:`annotate` takes."""
    seconds, margin = frame / FPS, 0.1 * SHAPE[1]
    # Back and forth between the borders
    span = SHAPE[1] - 2 * margin
    along = (walker.start + walker.speed * seconds - margin) % (2 * span)
    x = margin + min(along, 2 * span - along)
    to_the_right = (walker.speed > 0) == (along < span)
    yaw = -60 if to_the_right else 60
    body = walking_body(walker.phase + 2 * np.pi * STEP * seconds, yaw)
    middle = np.array([x, 0.42 * SHAPE[0] + 0.12 * walker.size])
    project = functools.partial(project_points, size=walker.size, middle=middle)
    draw_body(canvas, body, project, walker.size, owner, walker.clothes)
    near = np.append(body.facing > 0, np.ones(12, bool))
    return owner, project(body.keypoints), near, walker.size
