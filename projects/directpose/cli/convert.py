"""Convert weights of other programs.

    directpose convert {gluoncv,fcos,detectron2,torchvision} SRC DST [--config CONFIG]
    directpose convert finetune SRC DST --config CONFIG [--map NEW=TRAINED …]

gluoncv: the state dict of GluonCV's directpose_resnet50_lpf_fpn_coco, to test and to use.
fcos: an mmdet FCOS trained on COCO, to start the training of a DirectPose from (load_from).
detectron2: a Keypoint R-CNN of detectron2's zoo (.pkl), or one with the refinement of Li et al.
torchvision: the state dict of torchvision's keypointrcnn_resnet50_fpn.
finetune: a trained model of ours, or the name of a published one, for another skeleton, to start a
training from (load_from). Keypoints are found by their names.
"""

import argparse
import os.path as osp

from ..apis.finetune import for_finetuning
from ..utils.config import config_path, read_config
from ..utils.errors import InputError, exit_on_input_error
from ..validation.config import ensure_writable_file
from ..weights.checkpoint import read_checkpoint
from ..weights.converters import (
    CONVERTERS,
    DEFAULT_CONFIGS,
    default_config,
    model_weights,
    report,
    write_checkpoint,
)
from ..weights.zoo import MODELS, SCHEME, checkpoint_of, find

# Whose skeleton and groups a trained model has, unless --source-config says something else
SOURCES = {
    'mmdet.DirectPose': 'directpose/directpose_r50_fpn_8xb4-100e_coco-800x1333.py',
    'mmdet.KeypointRCNN': 'keypoint_rcnn/keypoint-rcnn_r50_fpn_8xb2-3x_coco-800x1333.py',
}


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
    command = commands.add_parser('finetune')
    command.add_argument('src', help='trained checkpoint, or the name of a published model')
    command.add_argument('dst', help='checkpoint to write')
    command.add_argument('--config', required=True, help='of the training to come')
    command.add_argument(
        '--source-config', help="of the trained model; that of COCO's 17 keypoints by default"
    )
    command.add_argument(
        '--map',
        nargs='+',
        default=[],
        type=pair,
        metavar='NEW=TRAINED',
        help='keypoints of other names, for example tip=left_wrist',
    )
    return parser.parse_args(argv)


def pair(text: str) -> tuple[str, str]:
    """Two names.

    Raises:
        ValueError: it is something else.
    """
    new, trained = text.split('=')
    return new, trained


def finetune(args: argparse.Namespace) -> None:
    """Write a trained model for another skeleton.

    Raises:
        InputError: the weights or configs do not fit.
    """
    config = read_config(args.config)
    src, source_config = args.src, args.source_config
    if src.removeprefix(SCHEME) in MODELS:
        source_config = source_config or config_path(find(src).config)
        src = checkpoint_of(src)
    if source_config is None:
        if config.model.type not in SOURCES:
            raise InputError(f'{args.config} is of {config.model.type}; give --source-config')
        source_config = config_path(SOURCES[config.model.type])
    trained = read_checkpoint(src)[0]
    weights, told = for_finetuning(trained, read_config(source_config), config, dict(args.map))
    write_checkpoint(weights, src, args.dst)
    print(told)
    print(f'written to {args.dst}; train with --cfg-options load_from={args.dst}')


@exit_on_input_error
def main(argv=None):
    args = parse_args(argv)
    ensure_writable_file(args.dst, 'DST')
    if osp.realpath(args.src) == osp.realpath(args.dst):
        raise InputError(f'{args.dst} is the checkpoint to read; give another name to write')
    if args.program == 'finetune':
        return finetune(args)
    config = read_config(args.config or default_config(args.program, args.src))
    converted = CONVERTERS[args.program](args.src, config)
    print(report(converted, model_weights(config)))
    write_checkpoint(converted, args.src, args.dst)
    print(f'written to {args.dst}')
