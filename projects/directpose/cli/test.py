"""Test a checkpoint; the arguments are those of mmpose's tools/test.py, --amp and --submit.

directpose test CONFIG CHECKPOINT [--work-dir DIR] [--out FILE] [--show-dir DIR]
                     [--amp] [--submit NAME] [--cfg-options …]
"""

import argparse
import os.path as osp
import re
import sys

import torch
from mmengine.config import Config
from mmengine.dist import is_main_process

from ..apis.visualization import check_show_options
from ..datasets.metainfo import parse_metainfo
from ..deploy.fast_form import check_bfloat16
from ..engine.dist import run_on_rank0, start_processes, unwrap_model
from ..engine.runner import ConsoleRunner
from ..engine.validation_hook import without_check_hook
from ..utils.config import merge_options, read_config
from ..utils.errors import InputError, exit_on_input_error
from ..utils.io import write_json
from ..utils.mmpose_tools import load_mmpose_tool
from ..validation.config import (
    build_unloaded,
    check_config,
    check_image_list,
    check_skeleton,
    count_classes,
    ensure_writable_dir,
    ensure_writable_file,
)
from ..weights.checkpoint import check_checkpoint
from ..weights.zoo import local_weights, split_name

COCO = dict(from_file='configs/_base_/datasets/coco.py')


def parse_own_args() -> argparse.Namespace:
    """Our arguments, taken out of the command line; the others are left to mmpose's tool."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument(
        '--amp', action='store_true', help='half precision: bfloat16 on a CPU, float16 on a GPU'
    )
    parser.add_argument(
        '--submit',
        metavar='NAME',
        help="write the results of the method NAME for COCO's server into the work dir; the data "
        'may be an image list without annotations',
    )
    args, others = parser.parse_known_args()
    sys.argv[1:] = split_name(others)
    if {'-h', '--help'} & set(sys.argv):
        print(parser.format_help(), end='\n' + '-' * 79 + '\n')
    return args


def check_submission(cfg: Config, name: str) -> None:
    """Check the data of a test that writes a submission.

    Raises:
        InputError: the name or the data will not do.
    """
    if not re.fullmatch(r'[\w.+-]+', name):
        raise InputError(f'--submit {name}: give a name of letters, digits and . _ + - only')
    ours, coco = (parse_metainfo(m)['keypoint_id2name'] for m in (cfg.model.metainfo, COCO))
    if ours != coco or count_classes(cfg.model) != 1:
        raise InputError(
            f"--submit: COCO's server takes people with COCO's 17 keypoints, {cfg.filename} is for "
            'something else'
        )
    ensure_writable_dir(cfg.work_dir)
    part = f'{cfg.filename}: test_dataloader.dataset'
    dataset = build_unloaded(cfg.test_dataloader.dataset, part)
    check_skeleton(dataset, parse_metainfo(cfg.model.metainfo))
    check_image_list(dataset)


@exit_on_input_error
def main():
    own = parse_own_args()
    submit = own.submit
    tool = load_mmpose_tool('test')
    args = tool.parse_args()
    check_show_options(args.show, args.show_dir)
    args.checkpoint = local_weights(args.checkpoint)
    if args.out and not args.out.endswith('.json'):
        raise InputError(f'--out {args.out}: it will be JSON, so give a name that ends in .json')
    if args.out:
        ensure_writable_file(args.out, '--out')
    if args.dump and not args.dump.endswith(('.pkl', '.pickle')):
        raise InputError(f'--dump {args.dump}: it will be a pickle; let its name end in .pkl')
    if args.dump:
        ensure_writable_file(args.dump, '--dump')
    options, args.cfg_options = args.cfg_options, None
    cfg = read_config(args.config)
    merge_options(cfg, options)
    cfg = tool.merge_args(cfg, args)  # after the options: --dump makes a list of the evaluator
    cfg.work_dir = osp.abspath(cfg.work_dir)  # mmpose's hooks join relative ones twice
    start_processes(cfg)
    if submit is None:
        run_on_rank0(check_config, cfg, ('test',))
    else:
        run_on_rank0(check_submission, cfg, submit)
        cfg.test_evaluator = dict(type='CocoSubmission', name=submit, out_dir=cfg.work_dir)
    cfg.custom_hooks = without_check_hook(cfg.get('custom_hooks', []))
    if own.amp:
        if not torch.cuda.is_available():
            check_bfloat16()
        cfg.test_cfg.fp16 = True  # mmengine's name for what its autocast does on any device
    # The checkpoint brings all weights; those of the backbone's training are not needed.
    cfg.model.backbone.init_cfg = None
    runner = ConsoleRunner.from_cfg(cfg)
    run_on_rank0(check_checkpoint, args.checkpoint, unwrap_model(runner.model))
    metrics = runner.test()
    runner.visualizer.add_scalars(metrics)
    runner.visualizer.close()  # TensorBoard's writer is another thread, which may be behind
    if args.out and is_main_process():
        write_json(metrics, args.out)
