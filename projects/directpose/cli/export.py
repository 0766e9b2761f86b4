"""Export a model as ONNX: pixels in, people out, for images of any number and size.

    directpose export NAME OUT.onnx [--half | --int8 IMAGES]
    directpose export CONFIG CHECKPOINT OUT.onnx [--half | --int8 IMAGES] [--no-nms]

NAME is a published model; see directpose models.

directpose.deploy.onnx_detector.OnnxDetector runs the file. Inputs: images (B, 3, H, W), BGR, 0 to
255, whose sides are multiples of 32, and their sizes (B, 2). Outputs: image_inds (N,), boxes
(N, 4), scores (N,), labels (N,) and keypoints (N, K, 3) of the people of all images, in pixels of
the network input.
"""

import argparse
import importlib.util
import os.path as osp
import sys
import tempfile

from tqdm import tqdm

from ..apis.inference import files_in, load_trained, read_image
from ..deploy.int8 import quantize_onnx
from ..deploy.onnx_detector import OnnxDetector
from ..deploy.onnx_export import export_metadata, export_onnx
from ..utils.cli import KeyValues
from ..utils.config import merge_options, read_config
from ..utils.errors import InputError, exit_on_input_error
from ..utils.images import IMAGE_SUFFIXES
from ..validation.config import ensure_writable_file
from ..weights.zoo import split_name

CALIBRATION_IMAGES = 100


def parse_args(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config', help='config file of a DirectPose or a Keypoint R-CNN')
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument('out', help='ONNX file to write')
    parser.add_argument(
        '--no-nms',
        action='store_true',
        help='all candidates of a DirectPose come out, for NMS elsewhere',
    )
    smaller = parser.add_mutually_exclusive_group()
    smaller.add_argument('--half', action='store_true', help='float16 in the convolutions')
    smaller.add_argument(
        '--int8',
        metavar='IMAGES',
        help='8-bit integers in the convolutions; a folder of images like those to come, of which '
        f'{CALIBRATION_IMAGES} are used',
    )
    parser.add_argument(
        '--cfg-options', nargs='+', action=KeyValues, help='key=value of the config'
    )
    return parser.parse_args(split_name(sys.argv[1:] if argv is None else argv))


def calibration_images(args: argparse.Namespace) -> list[str]:
    """Some images of the folder, evenly spread.

    Raises:
        InputError: there are none, the model is to come without NMS, or onnxruntime is missing.
    """
    if args.no_nms:
        raise InputError('--int8 comes with NMS; leave --no-nms out')
    if importlib.util.find_spec('onnxruntime') is None:
        raise InputError('--int8 needs a package: pip install onnxruntime')
    images = files_in(args.int8, IMAGE_SUFFIXES)
    if not images:
        raise InputError(f'--int8 {args.int8} holds no images')
    return images[:: -(-len(images) // CALIBRATION_IMAGES)]


@exit_on_input_error
def main(argv=None):
    args = parse_args(argv)
    images = calibration_images(args) if args.int8 else None
    ensure_writable_file(args.out, 'OUT')
    cfg = read_config(args.config)
    merge_options(cfg, args.cfg_options)
    facts = export_metadata(cfg) | dict(with_nms=not args.no_nms)
    model = load_trained(cfg, args.checkpoint, 'cpu')
    with tempfile.TemporaryDirectory() as folder:
        path = args.out if not (args.half or images) else osp.join(folder, 'float32.onnx')
        export_onnx(model, path, not args.no_nms, facts)
        if args.half:
            from ..deploy.float16 import halve_onnx  # onnx, which is there after an export

            halve_onnx(path, args.out)
        elif images:
            detector = OnnxDetector(path)
            inputs = (detector.prepare([read_image(p)])[1] for p in tqdm(images, 'calibration'))
            quantize_onnx(path, args.out, inputs)
    print(f'written to {args.out}')
