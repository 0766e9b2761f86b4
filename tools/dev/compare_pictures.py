"""The ground truth and the predictions of several models side by side, from COCO results.

    python tools/dev/compare_pictures.py --ann-file GT --images DIR --results NAME=FILE … --out OUT

FILE is a COCO keypoint results JSON, as test_evaluator.outfile_prefix leaves it. A row is an image,
the first column is the ground truth.
"""

import argparse
from pathlib import Path

import cv2
import mmcv
import numpy as np
from directpose.apis.inference import read_image
from directpose.apis.visualization import draw
from directpose.datasets.metainfo import parse_metainfo
from directpose.utils.cli import positive
from directpose.utils.errors import InputError, exit_on_input_error
from directpose.utils.io import read_json, write_image
from directpose.validation.config import ensure_writable_file
from mmengine.structures import InstanceData
from mmpose.structures import PoseDataSample
from mmpose.visualization import PoseLocalVisualizer
from tqdm import tqdm

TITLE_HEIGHT, GAP = 24, 4


def parse_args(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--ann-file', required=True, help='COCO keypoint annotations')
    parser.add_argument('--images', required=True, help='folder of the images')
    parser.add_argument('--results', nargs='+', required=True, metavar='NAME=FILE')
    parser.add_argument('--out', required=True, help='picture to write')
    parser.add_argument('--count', type=positive, default=6, help='images: the first ones')
    parser.add_argument('--score-thr', type=float, default=0.3, help='of a person to be drawn')
    parser.add_argument(
        '--metainfo',
        default='configs/_base_/datasets/coco.py',
        help='dataset config with the skeleton; by default the one of COCO in mmpose',
    )
    return parser.parse_args(argv)


def as_sample(records: list[dict]) -> PoseDataSample:
    """People of COCO annotations or results, as what mmpose's visualizer draws."""
    keypoints = np.array([r['keypoints'] for r in records], float).reshape(len(records), -1, 3)
    sample = PoseDataSample()
    sample.pred_instances = InstanceData(
        keypoints=keypoints[..., :2],
        keypoints_visible=(keypoints[..., 2] != 0).astype(float),
        keypoint_scores=(keypoints[..., 2] != 0).astype(float),
    )
    return sample


def draw_row(visualizer, path: Path, columns: list[list[dict]]) -> list[np.ndarray]:
    """Pictures (H, W, 3), BGR, of an image with the people of each column.

    Raises:
        InputError: the image cannot be read.
    """
    image = read_image(str(path))
    pictures = []
    for records in columns:
        shown = mmcv.bgr2rgb(image)
        if records:
            # every keypoint but those of the ground truth without a label, which score 0
            shown = draw(visualizer, shown, as_sample(records), kpt_thr=1e-9)
        pictures.append(mmcv.rgb2bgr(shown))
    return pictures


def make_sheet(titles: list[str], rows: list[list[np.ndarray]]) -> np.ndarray:
    """Rows of pictures on white, with a title above each column."""
    width = max(p.shape[1] for row in rows for p in row) + GAP
    heights = [max(p.shape[0] for p in row) + GAP for row in rows]
    sheet = np.full((TITLE_HEIGHT + sum(heights), width * len(titles), 3), 255, np.uint8)
    for column, title in enumerate(titles):
        place = (column * width + GAP, TITLE_HEIGHT - 8)
        cv2.putText(sheet, title, place, cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 0, 0), 1, cv2.LINE_AA)
    top = TITLE_HEIGHT
    for row, height in zip(rows, heights, strict=True):
        for column, picture in enumerate(row):
            left = column * width
            sheet[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
        top += height
    return sheet


@exit_on_input_error
def main(argv=None):
    args = parse_args(argv)
    ensure_writable_file(args.out, '--out')
    truth = read_json(args.ann_file)
    named = [entry.partition('=')[::2] for entry in args.results]
    if not all(file for _, file in named):
        raise InputError(f'--results {" ".join(args.results)}: give NAME=FILE for each model')
    found = [[r for r in read_json(file) if r['score'] > args.score_thr] for _, file in named]
    visualizer = PoseLocalVisualizer(radius=2, line_width=1)
    skeleton = parse_metainfo(dict(from_file=args.metainfo))
    visualizer.set_dataset_meta(skeleton, skeleton_style='mmpose')
    rows = []
    for image in tqdm(truth['images'][: args.count], 'pictures'):
        columns = [
            [r for r in records if r['image_id'] == image['id']]
            for records in (truth['annotations'], *found)
        ]
        rows.append(draw_row(visualizer, Path(args.images, image['file_name']), columns))
    titles = ['truth', *(name for name, _ in named)]
    write_image(make_sheet(titles, rows), args.out)
    print(f'written to {args.out}')


if __name__ == '__main__':
    main()
