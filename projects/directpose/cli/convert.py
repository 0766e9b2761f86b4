"""Convert weights of other programs.

    directpose convert {gluoncv,fcos,detectron2,torchvision} SRC DST [--config CONFIG]

gluoncv: the state dict of GluonCV's directpose_resnet50_lpf_fpn_coco, to test and to use.
fcos: an mmdet FCOS trained on COCO, to start the training of a DirectPose from (``load_from``).
detectron2: a Keypoint R-CNN of detectron2's zoo (.pkl), or one with the refinement of Li et al.
torchvision: the state dict of torchvision's keypointrcnn_resnet50_fpn.
"""

import argparse
import os.path as osp

from ..utils.config import read_config
from ..utils.errors import exit_on_input_error
from ..validation.config import ensure_writable_dir
from ..weights.converters import (
    CONVERTERS,
    DEFAULT_CONFIGS,
    default_config,
    model_weights,
    report,
    write_checkpoint,
)


def parse_args(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest='program', required=True)
    for program in DEFAULT_CONFIGS:
        command = commands.add_parser(program)
        command.add_argument('src', help='checkpoint to read')
        command.add_argument('dst', help='checkpoint to write')
        command.add_argument('--config', help='of the model to make')
    return parser.parse_args(argv)


@exit_on_input_error
def main(argv=None):
    args = parse_args(argv)
    ensure_writable_dir(osp.dirname(osp.abspath(args.dst)), 'DST')
    config = read_config(args.config or default_config(args.program, args.src))
    converted = CONVERTERS[args.program](args.src, config)
    print(report(converted, model_weights(config)))
    write_checkpoint(converted, args.src, args.dst)
    print(f'written to {args.dst}')
