"""Detect and draw people in images, videos or a camera stream.

    directpose demo [NAME] INPUT… [--out DIR]
    directpose demo CONFIG CHECKPOINT INPUT… [--out DIR]

INPUT is an image, a folder of images (with its subfolders), a glob pattern, a video file or the
number of a camera. NAME is a published model, downloaded the first time. DIR gets the drawn
pictures and videos and predictions.json, in COCO's format of annotations with a score for each
person. In a video everybody keeps a colour and a track_id. Ctrl-C ends a video or a camera; what
was seen until then is written. The exit status is 3 if some of the inputs could not be used.
"""

import argparse
import itertools
import os
import os.path as osp
import sys

import cv2
import numpy as np
from tqdm import tqdm

from ..apis.inference import detect, find_inputs, load_model, read_image
from ..apis.predictions import Predictions
from ..apis.tracking import PeopleTracker, PoseSmoother, PoseTracker, follow
from ..apis.video import (
    VideoWriter,
    check_windows,
    frame_count,
    frame_rate,
    frames,
    is_camera,
    is_video,
    open_video,
)
from ..apis.visualization import (
    build_visualizer,
    draw,
    draw_tracked,
    keypoint_threshold,
)
from ..datasets.metainfo import parse_metainfo, sigmas_of
from ..utils.cli import KeyValues, positive, share
from ..utils.config import config_path
from ..utils.errors import INCOMPLETE, InputError, exit_on_input_error
from ..utils.io import write_image
from ..validation.config import count_classes, ensure_writable_dir, ensure_writable_file
from ..weights.zoo import DEFAULT, checkpoint_of, find, model_of

COUNTED = ('.mp4', '.m4v', '.mov', '.avi')  # containers that count their frames; others estimate
CUT = 0.9  # a video with less than this share of its frames is cut short


def parse_args(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        'inputs',
        nargs='+',
        metavar='[NAME | CONFIG CHECKPOINT] INPUT',
        help='images, folders, patterns, videos, cameras',
    )
    parser.add_argument(
        '--model', help=f'a published model, see directpose models ({DEFAULT})', metavar='NAME'
    )
    parser.add_argument(
        '--weights', help='a file of its weights, as published or converted, in place of a download'
    )
    parser.add_argument('--offline', action='store_true', help='download nothing')
    parser.add_argument(
        '--out', default='work_dirs/demo_out', help='folder to write to (default: %(default)s)'
    )
    parser.add_argument(
        '--score-thr',
        type=share,
        default=0.3,
        help='minimum score of a person (default: %(default)s)',
    )
    parser.add_argument(
        '--kpt-thr', type=share, help="least score of a keypoint that is drawn (the config's)"
    )
    parser.add_argument('--device', help='cpu, cuda:0, … (the GPU if there is one)')
    parser.add_argument(
        '--amp', action='store_true', help='half precision: bfloat16 on a CPU, float16 on a GPU'
    )
    parser.add_argument('--max-frames', type=positive, help='of each video or camera')
    parser.add_argument(
        '--track',
        choices=('boxes', 'poses'),
        default='boxes',
        help='match people from frame to frame by these (default: %(default)s)',
    )
    parser.add_argument(
        '--smooth', action='store_true', help='smooth the keypoints of videos over time'
    )
    parser.add_argument(
        '--save-json',
        metavar='FILE',
        help='write the people to this file (predictions.json in DIR)',
    )
    parser.add_argument('--show', action='store_true', help='show videos in a window; q ends')
    parser.add_argument(
        '--cfg-options', nargs='+', action=KeyValues, help='key=value of the config'
    )
    args = parser.parse_intermixed_args(argv)
    args.config = args.checkpoint = None
    if model_of(args.inputs[0]) and len(args.inputs) > 1:
        if args.model:
            parser.error(f'there are two models, {args.inputs[0]} and {args.model}; give one')
        args.model = args.inputs.pop(0)
    elif args.inputs[0].endswith('.py'):
        if len(args.inputs) < 3:
            parser.error('after CONFIG come CHECKPOINT and at least one INPUT')
        if args.model or args.weights or args.offline:
            parser.error('--model, --weights and --offline are for published models, not CONFIG')
        args.config, args.checkpoint, *args.inputs = args.inputs
    args.model = args.model or DEFAULT
    return args


def run_image(args, model, visualizer, path: str, number: int, predictions: Predictions) -> None:
    """Detect, draw and record the people in an image file.

    Raises:
        InputError: the file cannot be used.
    """
    image = read_image(path)
    try:
        sample = detect(model, image, args.score_thr)
    except InputError as error:
        raise InputError(f'{path}: {error}') from error
    picture = draw(visualizer, image[..., ::-1].copy(), sample, args.kpt_thr)
    # The number keeps images of the same name in different folders apart.
    stem = osp.splitext(osp.basename(path))[0]
    write_image(picture[..., ::-1], osp.join(args.out, f'{number:05d}_{stem}.jpg'))
    predictions.add(path, image, sample.pred_instances)


def run_video(args, model, visualizer, source: str, number: int, predictions: Predictions) -> None:
    """Detect, draw and record the people in the frames of a video or camera.

    Raises:
        InputError: it cannot be opened, or gives no frame.
    """
    stem = f'camera{source}' if is_camera(source) else osp.splitext(osp.basename(source))[0]
    path, tracker, count = (
        osp.join(args.out, f'{number:05d}_{stem}.mp4'),
        make_tracker(args, model),
        0,
    )
    with open_video(source) as capture, VideoWriter(path, frame_rate(capture)) as writer:
        smoother = PoseSmoother(frame_rate(capture)) if args.smooth else None
        seen = itertools.islice(frames(capture), args.max_frames)
        total = frame_count(capture, args.max_frames)
        people = follow(model, seen, args.score_thr, tracker, smoother)
        try:
            for count, (frame, sample, ids) in enumerate(tqdm(people, stem, total), 1):
                picture = frame[..., ::-1].copy()
                picture = draw_tracked(visualizer, picture, sample, args.kpt_thr, ids)
                picture = np.ascontiguousarray(picture[..., ::-1])
                writer.write(picture)
                predictions.add(source, frame, sample.pred_instances, ids, frame=count)
                if args.show and not show(picture):
                    break
        except KeyboardInterrupt:
            print(f'{source}: stopped after {count} frames', file=sys.stderr)
            return
    if not count:
        raise InputError(f'{source} holds no frame that OpenCV can decode')
    counted = source.lower().endswith(COUNTED) and not args.show
    if counted and total and count < CUT * total:
        raise InputError(f'after {count} of {total} frames, the rest of {source} is not decoded')


def make_tracker(args, model) -> PeopleTracker:
    """A tracker for a video."""
    if args.track == 'boxes':
        return PeopleTracker()
    return PoseTracker(sigmas_of(parse_metainfo(model.cfg.model.metainfo)))


def show(picture: np.ndarray) -> bool:
    """Show a frame; whether to go on."""
    cv2.imshow('directpose', picture)
    return cv2.waitKey(1) != ord('q')


@exit_on_input_error
def main(argv=None):
    args = parse_args(argv)
    inputs = find_inputs(args.inputs, args.out)
    ensure_writable_dir(args.out, '--out')
    args.save_json = args.save_json or osp.join(args.out, 'predictions.json')
    ensure_writable_file(args.save_json, '--save-json')
    if args.show:
        check_windows()
    if args.config is None:
        args.config = config_path(find(args.model).config)
        args.checkpoint = checkpoint_of(args.model, args.offline, args.weights)
    model = load_model(args.config, args.checkpoint, args.device, args.cfg_options, args.amp)
    if args.kpt_thr is None:
        args.kpt_thr = keypoint_threshold(model.cfg)

    # Videos give the visualizer other colours.
    visualizers = {run: build_visualizer(model) for run in (run_image, run_video)}
    predictions, broken = Predictions(), []
    jobs = [(run_video if is_video(source) else run_image, source) for source in inputs]
    progress = tqdm(jobs, 'inputs', disable=len(jobs) < 2)
    try:
        for number, (run, source) in enumerate(progress, 1):
            try:
                run(args, model, visualizers[run], source, number, predictions)
            except InputError as error:
                broken.append(str(error))
    finally:  # also what was seen before Ctrl-C
        if predictions.images:
            predictions.write(args.save_json, count_classes(model.cfg.model))
        for message in broken:
            print(f'skipped: {message}', file=sys.stderr)
    if not predictions.images:
        raise InputError('none of the inputs could be used')
    print(
        f'{len(predictions.annotations)} people in {len(predictions.images)} images; pictures are '
        f'in {args.out}{os.sep}, the people in {args.save_json}'
    )
    if broken:
        print(f'{len(broken)} of {len(inputs)} inputs could not be used', file=sys.stderr)
        sys.exit(INCOMPLETE)
