"""Render synthetic people, train, test and draw.

    python tools/demo_synthetic.py [--model directpose] [--out work_dirs/demo]

It trains a small DirectPose v2, or the paper's model; in bfloat16 where the processor has it.

Leaves in the folder: the set (data/), the checkpoint, the COCO results JSON, a table of AP and
AR, and pictures with the ground truth at the left and the predictions at the right.
"""

import argparse
import os
import os.path as osp
import shutil
from pathlib import Path

import cv2
import mmengine
import numpy as np
from directpose.apis.inference import default_device, load_model
from directpose.apis.visualization import build_visualizer, draw, keypoint_threshold
from directpose.datasets.synthetic.scenes import make_synthetic_set
from directpose.deploy.fast_form import check_bfloat16
from directpose.utils.cli import not_negative, positive, run_tool
from directpose.utils.errors import InputError, exit_on_input_error
from directpose.utils.io import write_image
from directpose.validation.config import ensure_writable_dir
from mmengine.dataset import pseudo_collate
from mmpose.registry import DATASETS
from tqdm import tqdm

TOOLS = Path(__file__).resolve().parent
CONFIGS = dict(
    directpose_v2='directpose_v2/directposev2_tiny_1xb4-5e_synthetic-256x320.py',
    directpose='directpose/directpose_tiny_1xb4-5e_synthetic-256x320.py',
)
METRICS = ('AP', 'AP .5', 'AP .75', 'AP (M)', 'AP (L)', 'AR')


def parse_args(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        '--model',
        choices=list(CONFIGS),
        default='directpose_v2',
        help="%(default)s, or the paper's",
    )
    parser.add_argument('--out', default='work_dirs/demo', help='folder to write to')
    parser.add_argument('--num-train', type=positive, default=3000, help='training images')
    parser.add_argument('--num-val', type=positive, default=500, help='held-out images')
    parser.add_argument(
        '--seed', type=not_negative, default=0, help='of the set and of the training'
    )
    parser.add_argument('--pictures', type=not_negative, default=16, help='pictures to draw')
    return parser.parse_args(argv)


def data_options(data_root: str) -> list[str]:
    """Config options that point the config to the set."""
    options = [f'{split}_dataloader.dataset.data_root={data_root}' for split in ('train', 'val')]
    options.append(f'test_dataloader.dataset.data_root={data_root}')
    annotations = osp.join(data_root, 'annotations/val.json')
    return options + [f'{split}_evaluator.ann_file={annotations}' for split in ('val', 'test')]


def draw_pictures(config: str, checkpoint: str, data_root: str, out: str, count: int) -> None:
    """Draw the first held-out images, and all of them on one sheet, ``predictions.jpg``."""
    model = load_model(config, checkpoint)
    dataset = DATASETS.build({**model.cfg.val_dataloader.dataset, 'data_root': data_root})
    visualizer, kpt_thr = build_visualizer(model), keypoint_threshold(model.cfg)
    mmengine.mkdir_or_exist(osp.join(out, 'pictures'))
    pictures = []
    for index in tqdm(range(min(count, len(dataset))), 'pictures'):
        sample = model.test_step(pseudo_collate([dataset[index]]))[0]
        people = sample.pred_instances
        sample.pred_instances = people[people.bbox_scores > 0.3]
        image = cv2.imread(sample.img_path)[..., ::-1].copy()
        picture = draw(visualizer, image, sample, kpt_thr, with_gt=True)[..., ::-1]
        write_image(picture, osp.join(out, 'pictures', osp.basename(sample.img_path)))
        pictures.append(picture)
    if pictures:
        write_image(contact_sheet(pictures[:12], 3), osp.join(out, 'predictions.jpg'))


def contact_sheet(pictures: list[np.ndarray], columns: int) -> np.ndarray:
    """Pictures (H_i, W_i, 3) in rows on white."""
    height = max(p.shape[0] for p in pictures) + 6
    width = max(p.shape[1] for p in pictures) + 6
    rows = -(-len(pictures) // columns)
    sheet = np.full((rows * height, columns * width, 3), 255, np.uint8)
    for number, picture in enumerate(pictures):
        top, left = number // columns * height, number % columns * width
        sheet[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
    return sheet


def clear_folder(out: str) -> None:
    """Remove what an earlier call left, and nothing else.

    Raises:
        InputError: the folder holds something and no mark of an earlier call, or its name would be
            split where it is given to a config.
    """
    if ',' in out:
        raise InputError(f'--out {out}: give a folder without a comma in its name')
    mark = Path(out, '.directpose_demo')
    if os.listdir(out) and not mark.exists():
        raise InputError(f'{out} is not empty; give another folder with --out')
    for path in Path(out).iterdir():
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    mark.touch()


def has_bfloat16() -> bool:
    """Whether the device is a processor with instructions for bfloat16."""
    try:
        check_bfloat16()
    except InputError:
        return False
    return default_device() == 'cpu'


@exit_on_input_error
def main(argv=None):
    args = parse_args(argv)
    out = args.out
    ensure_writable_dir(out, '--out')
    data_root = osp.join(out, 'data/')
    clear_folder(out)
    make_synthetic_set(osp.normpath(data_root), args.num_train, args.num_val, args.seed)

    config = str(TOOLS.parent / 'configs' / CONFIGS[args.model])
    work_dir, options = osp.join(out, 'train'), data_options(data_root)
    run_tool(
        TOOLS / 'train.py',
        Path(out, 'train.log'),
        config,
        *['--amp'] * has_bfloat16(),
        '--work-dir',
        work_dir,
        '--cfg-options',
        *options,
        f'randomness.seed={args.seed}',
    )
    # The last one, not the best: the held-out images choose nothing.
    with open(osp.join(work_dir, 'last_checkpoint'), encoding='utf-8') as file:
        last = file.read().strip()
    checkpoint, metrics_file = osp.join(out, 'checkpoint.pth'), osp.join(out, 'metrics.json')
    shutil.copyfile(last, checkpoint)
    run_tool(
        TOOLS / 'test.py',
        Path(out, 'test.log'),
        config,
        checkpoint,
        '--work-dir',
        osp.join(out, 'test'),
        '--out',
        metrics_file,
        '--cfg-options',
        *options,
        f'test_evaluator.outfile_prefix={osp.join(out, "results")}',
    )
    draw_pictures(config, checkpoint, data_root, out, args.pictures)

    metrics = mmengine.load(metrics_file)
    table = [METRICS, ['---'] * len(METRICS), [f'{metrics[f"coco/{m}"]:.3f}' for m in METRICS]]
    text = '\n'.join('| ' + ' | '.join(row) + ' |' for row in table)
    with open(osp.join(out, 'metrics.md'), 'w', encoding='utf-8') as file:
        file.write(text + '\n')
    print(f'\nKeypoint AP on the {args.num_val} held-out images:\n\n{text}\n')
    print(f'pictures    {osp.join(out, "predictions.jpg")}, {osp.join(out, "pictures/")}')
    print(f'results     {osp.join(out, "results.keypoints.json")}, {metrics_file}')
    print(f'checkpoint  {checkpoint}')


if __name__ == '__main__':
    main()
