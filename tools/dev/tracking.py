"""Measure tracking and smoothing on rendered films, where the truth is known.

    python tools/dev/tracking.py CONFIG CHECKPOINT [--films 5] [--frames 150] [--people 3]

Prints a table. Error: mean distance of the labelled keypoints of people who are found to their true
places. Tremble: mean change of that difference from a frame to the next. Switches: how often
somebody's number changes.
"""

import argparse
from collections.abc import Callable

import numpy as np
from directpose.apis.inference import detect, load_model
from directpose.apis.tracking import PeopleTracker, PoseSmoother, PoseTracker
from directpose.datasets.metainfo import parse_metainfo, sigmas_of
from directpose.datasets.synthetic.film import FPS, make_film
from directpose.evaluation.matching import match_people
from directpose.utils.cli import positive
from directpose.utils.errors import exit_on_input_error
from mmengine.structures import InstanceData
from tqdm import tqdm


def parse_args(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config', help='of a model for people')
    parser.add_argument('checkpoint')
    parser.add_argument('--films', type=positive, default=5)
    parser.add_argument('--frames', type=positive, default=150, help='of each film, 25 a second')
    parser.add_argument('--people', type=positive, default=3, help='in each film')
    parser.add_argument('--score-thr', type=float, default=0.3)
    return parser.parse_args(argv)


def measure(
    film: list[tuple[InstanceData, list[dict]]],
    tracker: PeopleTracker,
    smoother: PoseSmoother | None,
    sigmas: np.ndarray,
) -> tuple[list[float], list[float], int]:
    """Distances and their changes in pixels, of all keypoints, and the switches of a film.

    Args:
        film: of each frame who was found, and the annotations.
    """
    errors, changes, switches = [], [], 0
    numbers: dict[int, int] = {}
    last: dict[int, np.ndarray] = {}
    for people, truth in film:
        ids = tracker.track(people)
        poses = smoother.smooth(ids, people.keypoints) if smoother else people.keypoints
        # Who is who is decided by what was found, not by what was made of it.
        found = [
            dict(image_id=0, score=score, keypoints=pad(pose), number=number, pose=smooth)
            for score, pose, smooth, number in zip(
                people.bbox_scores, people.keypoints, poses, ids, strict=True
            )
        ]
        now = {}
        for result, person, _ in match_people(found, truth, sigmas).matches:
            track = person['track_id']
            switches += numbers.get(track, result['number']) != result['number']
            numbers[track] = result['number']
            labels = np.reshape(person['keypoints'], (-1, 3))
            apart = np.where(labels[:, 2:] > 0, result['pose'] - labels[:, :2], np.nan)
            errors += np.linalg.norm(apart, axis=1).tolist()
            if track in last:
                changes += np.linalg.norm(apart - last[track], axis=1).tolist()
            now[track] = apart
        last = now
    return errors, changes, switches


def pad(pose: np.ndarray) -> list[float]:
    """Keypoints (K, 2) as a record has them."""
    return np.concatenate([pose, np.ones((len(pose), 1))], 1).ravel().tolist()


@exit_on_input_error
def main(argv=None):
    args = parse_args(argv)
    model = load_model(args.config, args.checkpoint, 'cpu')
    sigmas = sigmas_of(parse_metainfo(model.cfg.model.metainfo))
    films = []
    with tqdm(total=args.films * args.frames, desc='frames') as progress:
        for seed in range(args.films):
            film = []
            for frame, truth in make_film(seed, args.frames, args.people):
                found = detect(model, frame, args.score_thr).pred_instances
                film.append((found, [dict(a, image_id=0) for a in truth]))
                progress.update()
            films.append(film)
    trackers: dict[str, Callable] = dict(boxes=PeopleTracker, poses=lambda: PoseTracker(sigmas))
    print('\n| matched by | smoothed | error, px | tremble, px | switches |')
    print('| --- | --- | --- | --- | --- |')
    for name, make_tracker in trackers.items():
        for smooth in (False, True):
            parts = [
                measure(film, make_tracker(), PoseSmoother(FPS) if smooth else None, sigmas)
                for film in films
            ]
            errors, changes = (np.nanmean(np.concatenate([p[k] for p in parts])) for k in (0, 1))
            switches = sum(p[2] for p in parts)
            yes = 'yes' if smooth else 'no'
            print(f'| {name} | {yes} | {errors:.2f} | {changes:.2f} | {switches} |')


if __name__ == '__main__':
    main()
