"""Detect people in images, draw them and write their keypoints.

    python tools/demo.py CONFIG CHECKPOINT INPUT… [--out DIR]

INPUT is an image, a folder of images or a glob pattern. DIR gets the drawn pictures and
predictions.json, in COCO format with a score for each person.
"""

import argparse
import os
import os.path as osp
import sys

import mmcv
from directpose.checks import check_work_dir
from directpose.errors import InputError, exit_on_input_error
from directpose.inference import (
    build_visualizer,
    coco_annotations,
    default_device,
    detect,
    draw,
    find_images,
    load_model,
    write_json,
)
from mmengine.config import DictAction
from tqdm import tqdm


def parse_args(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('config', help='config file')
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument('inputs', nargs='+', help='images, folders or glob patterns')
    parser.add_argument('--out', default='work_dirs/demo_out', help='folder to write to')
    parser.add_argument('--score-thr', type=float, default=0.3, help='least score of a person')
    parser.add_argument('--device', default=default_device(), help='for example cpu or cuda:0')
    parser.add_argument(
        '--cfg-options', nargs='+', action=DictAction, help='key=value of the config'
    )
    return parser.parse_args(argv)


@exit_on_input_error
def main(argv=None):
    args = parse_args(argv)
    paths = find_images(args.inputs)
    check_work_dir(args.out, '--out')
    model = load_model(args.config, args.checkpoint, args.device, args.cfg_options)
    visualizer = build_visualizer(model)

    images, annotations, broken = [], [], []
    for image_id, path in enumerate(tqdm(paths, 'images'), 1):
        try:
            image, sample = detect(model, path, args.score_thr)
        except InputError as error:
            broken.append(str(error))
            continue
        picture = draw(visualizer, image, sample, with_gt=False)
        # The number keeps images of the same name in different folders apart.
        stem = osp.splitext(osp.basename(path))[0]
        mmcv.imwrite(picture[..., ::-1], osp.join(args.out, f'{image_id:05d}_{stem}.jpg'))
        height, width = image.shape[:2]
        images.append(dict(id=image_id, file_name=path, height=height, width=width))
        annotations += coco_annotations(sample.pred_instances, image_id)

    for number, annotation in enumerate(annotations, 1):
        annotation['id'] = number
    categories = [dict(id=1, name='person')]
    result = dict(images=images, annotations=annotations, categories=categories)
    write_json(result, osp.join(args.out, 'predictions.json'))
    for message in broken:
        print(f'skipped: {message}', file=sys.stderr)
    print(
        f'{len(annotations)} people in {len(images)} images; pictures and predictions.json are in '
        f'{args.out}{os.sep}'
    )
    if not images:
        raise InputError('none of the images could be read')


if __name__ == '__main__':
    main()
