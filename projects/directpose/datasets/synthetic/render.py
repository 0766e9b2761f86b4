"""Drawing of the synthetic set: textured bodies over cluttered backgrounds."""

from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np

from .body import (
    ANKLES,
    ELBOWS,
    HEAD_RADIUS,
    HIPS,
    KNEES,
    SHOULDERS,
    WRISTS,
    Body,
)

NOBODY, OBJECT = 0, -1  # owners of a pixel that is no person's
HEAD, TORSO, FIRST_LIMB = 0, 1, 2

# Each limb part: its two keypoints and the half widths at them, in body heights.
LIMBS = [
    (joints[0][side], joints[1][side], *widths)
    for joints, widths in (
        ((SHOULDERS, ELBOWS), (0.036, 0.029)),
        ((ELBOWS, WRISTS), (0.029, 0.022)),
        ((HIPS, KNEES), (0.052, 0.038)),
        ((KNEES, ANKLES), (0.037, 0.025)),
    )
    for side in (0, 1)
]
# The parts on which a keypoint is seen.
PARTS_OF_KEYPOINT = {k: {HEAD} for k in range(5)}
for _number, (_start, _end, *_) in enumerate(LIMBS):
    PARTS_OF_KEYPOINT.setdefault(_start, set()).add(FIRST_LIMB + _number)
    PARTS_OF_KEYPOINT.setdefault(_end, set()).add(FIRST_LIMB + _number)
for _k in SHOULDERS + HIPS:
    PARTS_OF_KEYPOINT[_k].add(TORSO)

CIRCLE = np.stack([f(np.linspace(0, 2 * np.pi, 24)) for f in (np.cos, np.sin)], 1)
SKIN = ((255, 219, 172), (224, 172, 105), (198, 134, 66), (141, 85, 36), (241, 194, 125))


class Canvas(NamedTuple):
    """A picture and who is seen where.

    Attributes:
        image (H, W, 3): uint8, BGR.
        owners (H, W): person (from 1), NOBODY or OBJECT, of the topmost layer.
        parts (H, W): part of that person.
    """

    image: np.ndarray
    owners: np.ndarray
    parts: np.ndarray


def hsv(hue: float, saturation: float, value: float) -> np.ndarray:
    """BGR colour (3,), 0 to 255, of a hue in degrees and two fractions."""
    pixel = np.uint8([[[hue % 360 / 2, 255 * saturation, 255 * value]]])
    return cv2.cvtColor(pixel, cv2.COLOR_HSV2BGR)[0, 0].astype(np.float32)


def random_color(rng: np.random.Generator, hues: tuple[float, float] = (0, 360)) -> np.ndarray:
    """A colour of a hue in the given range."""
    return hsv(rng.uniform(*hues), rng.uniform(0.25, 0.95), rng.uniform(0.35, 0.95))


def sample_clothes(rng: np.random.Generator) -> dict:
    """Colours and patterns of a body: the left side is warm, the right side is cool."""
    skin = np.float32(SKIN[rng.integers(len(SKIN))])[::-1]
    sides = [(random_color(rng, (-25, 45))), (random_color(rng, (175, 265)))]
    return dict(
        skin=skin,
        hair=hsv(rng.uniform(10, 40), rng.uniform(0.2, 0.8), rng.uniform(0.05, 0.45)),
        torso=random_color(rng, (70, 160)),
        sides=sides,
        shoes=hsv(rng.uniform(0, 360), rng.uniform(0, 0.5), rng.uniform(0.05, 0.35)),
        bare_arms=rng.random() < 0.25,
        pattern=[rng.choice(['plain', 'stripes', 'checks']) for _ in range(3)],
        period=rng.uniform(0.02, 0.05),
    )


def textured(
    shape: tuple[int, int], origin: np.ndarray, axis: np.ndarray, color, pattern: str, period: float
) -> np.ndarray:
    """Colour field (h, w, 3) of cloth whose pattern runs along ``axis`` (2,) from ``origin``."""
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    along = (x - origin[0]) * axis[0] + (y - origin[1]) * axis[1]
    across = -(x - origin[0]) * axis[1] + (y - origin[1]) * axis[0]
    wave = np.ones_like(along)
    if pattern != 'plain':
        wave = np.sin(2 * np.pi * along / period)
    if pattern == 'checks':
        wave = wave * np.sin(2 * np.pi * across / period)
    return np.float32(color) * (0.84 + 0.16 * np.sign(wave))[..., None]


def paint(
    canvas: Canvas, polygon: np.ndarray, owner: int, part: int, color, pattern='plain', period=8.0
) -> None:
    """Fill a convex polygon (V, 2) in pixels with cloth, and note who is seen there."""
    height, width = canvas.owners.shape
    low = np.floor(polygon.min(0)).astype(int) - 1
    high = np.ceil(polygon.max(0)).astype(int) + 2
    low, high = low.clip(0), high.clip(0, (width, height))
    if (high <= low).any():
        return
    window = np.s_[low[1] : high[1], low[0] : high[0]]
    shape = tuple((high - low)[::-1])
    alpha = np.zeros(shape, np.uint8)
    points = np.round((polygon - low) * 16).astype(np.int32)
    cv2.fillConvexPoly(alpha, points, 255, lineType=cv2.LINE_AA, shift=4)
    axis = polygon[len(polygon) // 2] - polygon[0]
    axis = axis / max(np.hypot(*axis), 1e-3)
    cloth = textured(shape, polygon[0] - low, axis, color, pattern, max(period, 3.0))
    # Limbs are round: darker towards the outline.
    depth = cv2.distanceTransform(alpha, cv2.DIST_L2, 3)
    cloth *= (0.7 + 0.3 * np.sqrt(depth / max(depth.max(), 1e-3)))[..., None]
    opacity = alpha[..., None] / np.float32(255)
    canvas.image[window] = canvas.image[window] * (1 - opacity) + cloth.clip(0, 255) * opacity
    solid = alpha > 127
    canvas.owners[window][solid] = owner
    canvas.parts[window][solid] = part


def capsule(start: np.ndarray, end: np.ndarray, r0: float, r1: float) -> np.ndarray:
    """Outline (V, 2) of a limb from ``start`` to ``end`` with half widths r0 and r1."""
    direction = end - start
    angle = np.arctan2(direction[1], direction[0])
    turn = np.linspace(-np.pi / 2, np.pi / 2, 9)
    cap = np.stack([np.cos(angle + turn), np.sin(angle + turn)], 1)
    return np.concatenate([start - r0 * cap, end + r1 * cap])


def draw_body(canvas: Canvas, body: Body, xy: Callable, size: float, owner: int, clothes) -> None:
    """Draw a body, its farthest part first.

    Args:
        xy: function of body points (..., 3) -> pixels (..., 2).
        size: height of the standing body, in pixels.
        owner: number of the person, from 1.
    """
    points, period = body.keypoints, clothes['period'] * size
    torso = [points[k] for k in SHOULDERS + HIPS]
    jobs = [(np.mean(torso, 0)[2], TORSO), (body.head[2], HEAD)]
    jobs += [
        (points[[start, end], 2].mean(), FIRST_LIMB + n) for n, (start, end, *_) in enumerate(LIMBS)
    ]
    for _, part in sorted(jobs):
        if part == HEAD:
            draw_head(canvas, body, xy, size, owner, clothes)
        elif part == TORSO:
            outline = np.concatenate(
                [xy(p) + 0.035 * size * CIRCLE for p in (*torso, body.neck)]
            ).astype(np.float32)
            hull = cv2.convexHull(outline)[:, 0]
            paint(canvas, hull, owner, TORSO, clothes['torso'], clothes['pattern'][2], period)
        else:
            start, end, r0, r1 = LIMBS[part - FIRST_LIMB]
            side = (part - FIRST_LIMB) % 2
            outline = capsule(xy(points[start]), xy(points[end]), r0 * size, r1 * size)
            paint(
                canvas,
                outline,
                owner,
                part,
                limb_color(clothes, start, side),
                clothes['pattern'][side],
                period,
            )
            if end in WRISTS + ANKLES:
                tip = xy(points[end]) + (0.036 if end in ANKLES else 0.032) * size * CIRCLE
                bare = clothes['skin'] if end in WRISTS else clothes['shoes']
                paint(canvas, tip, owner, part, bare)


def limb_color(clothes: dict, start: int, side: int) -> np.ndarray:
    """Colour of the limb that begins at a joint: forearms and shins differ from what is above."""
    color = clothes['sides'][side]
    if start in ELBOWS and clothes['bare_arms']:
        return 0.65 * clothes['skin'] + 0.35 * color
    return 0.7 * color if start in ELBOWS + KNEES else color


def draw_head(canvas: Canvas, body: Body, xy, size: float, owner: int, clothes) -> None:
    """Neck, hair, face and the features on the near side of the head."""
    radius = HEAD_RADIUS * size
    center, neck = xy(body.head), xy(body.neck)
    paint(canvas, capsule(neck, center, 0.4 * radius, 0.4 * radius), owner, HEAD, clothes['skin'])
    paint(canvas, center + 1.12 * radius * CIRCLE, owner, HEAD, clothes['hair'])
    features = xy(body.keypoints[:5])
    if body.facing[0] > -0.3:
        # The face is the disc around the nose's foot on the head.
        face = center + 0.45 * (features[0] - center) + [0, 0.12 * radius]
        paint(canvas, face + 0.85 * radius * CIRCLE, owner, HEAD, clothes['skin'])
    looks = [(0.2, 0.72 * clothes['skin'])]
    looks += [(0.17, np.float32([40, 25, 20]))] * 2
    looks += [(0.26, clothes['sides'][side] * 0.5 + clothes['skin'] * 0.5) for side in (0, 1)]
    for k in (3, 4, 1, 2, 0):
        if body.facing[k] > 0:
            share, color = looks[k]
            paint(canvas, features[k] + share * radius * CIRCLE, owner, HEAD, color)


def draw_background(shape: tuple[int, int], rng: np.random.Generator) -> Canvas:
    """A cluttered scene without people: soft noise, patches, lines and loose limbs."""
    height, width = shape
    image = np.zeros((height, width, 3), np.float32)
    for cells in (3, 8, 24):
        noise = rng.uniform(-1, 1, (cells, cells, 3)).astype(np.float32)
        image += cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC) * 60 / cells**0.5
    # Scenes are paler than clothes.
    image = (image + 0.6 * random_color(rng) + rng.uniform(20, 90)).clip(0, 255).astype(np.uint8)
    canvas = Canvas(image, np.zeros(shape, np.int32), np.zeros(shape, np.int32))
    for _ in range(rng.integers(8, 30)):
        draw_clutter(canvas, rng, NOBODY, rng.uniform(0.05, 0.35) * max(shape))
    return canvas


def draw_clutter(canvas: Canvas, rng: np.random.Generator, owner: int, size: float) -> None:
    """One random thing of about ``size`` pixels: a quadrangle, a disc or a loose limb."""
    height, width = canvas.owners.shape
    place = rng.uniform(0, (width, height))
    kind = rng.integers(3)
    if kind == 0:
        outline = cv2.convexHull(np.float32(place + rng.normal(0, size / 3, (6, 2))))[:, 0]
    elif kind == 1:
        outline = place + CIRCLE * rng.uniform(0.15, 0.5, 2) * size
    else:
        reach = rng.normal(0, size / 2, 2)
        outline = capsule(place, place + reach, *rng.uniform(0.04, 0.14, 2) * size)
    pattern = rng.choice(['plain', 'stripes', 'checks'])
    paint(canvas, outline, owner, 0, random_color(rng), pattern, rng.uniform(4, 16))


def finish(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Light, blur and sensor noise of a camera."""
    picture = image.astype(np.float32) * rng.uniform(0.7, 1.25) + rng.uniform(-20, 20)
    if rng.random() < 0.4:
        picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.4, 0.9))
    picture += rng.normal(0, rng.uniform(1, 6), picture.shape)
    return picture.clip(0, 255).astype(np.uint8)
