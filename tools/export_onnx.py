"""Export a DirectPose as ONNX: pixels in, people out, for images of any number and size.

    python tools/export_onnx.py CONFIG CHECKPOINT OUT.onnx [--no-nms]

directpose.deploy.onnx_detector.OnnxDetector runs the file. Inputs: images (B, 3, H, W), BGR, 0 to
255, whose sides are multiples of 32, and their sizes (B, 2). Outputs: image_inds (N,), boxes
(N, 4), scores (N,), labels (N,) and keypoints (N, K, 3) of the people of all images, in pixels of
the network input.
"""

import argparse
import os.path as osp

from directpose.apis.inference import load_trained
from directpose.deploy.onnx_export import export_metadata, export_onnx
from directpose.utils.config import merge_options, read_config
from directpose.utils.errors import exit_on_input_error
from directpose.validation.config import ensure_writable_dir
from mmengine.config import DictAction


def parse_args(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config', help='config file of a DirectPose')
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument('out', help='ONNX file to write')
    parser.add_argument(
        '--no-nms', action='store_true', help='all candidates come out, for a suppression elsewhere'
    )
    parser.add_argument(
        '--cfg-options', nargs='+', action=DictAction, help='key=value of the config'
    )
    return parser.parse_args(argv)


@exit_on_input_error
def main(argv=None):
    args = parse_args(argv)
    ensure_writable_dir(osp.dirname(osp.abspath(args.out)), 'OUT')
    cfg = read_config(args.config)
    merge_options(cfg, args.cfg_options)
    facts = export_metadata(cfg) | dict(with_nms=not args.no_nms)
    model = load_trained(cfg, args.checkpoint, 'cpu')
    export_onnx(model, args.out, not args.no_nms, facts)
    print(f'written to {args.out}')


if __name__ == '__main__':
    main()
