"""AP of an exported model on images with annotations in COCO's format.

python tools/dev/test_onnx.py MODEL.onnx ANNOTATIONS.json IMAGES [--engine openvino] [--bf16]
"""

import argparse
import contextlib
import io
from pathlib import Path

from directpose.apis.inference import read_image
from directpose.deploy.onnx_detector import ENGINES, OnnxDetector
from directpose.utils.errors import InputError, exit_on_input_error
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from tqdm import tqdm


def parse_args(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('model', help='ONNX file with NMS')
    parser.add_argument('annotations', help='COCO keypoint annotations of people')
    parser.add_argument('images', type=Path, help='folder of the images')
    parser.add_argument('--engine', choices=list(ENGINES), default='onnxruntime')
    parser.add_argument('--bf16', action='store_true', help='bfloat16, by OpenVINO')
    return parser.parse_args(argv)


@exit_on_input_error
def main(argv=None):
    args = parse_args(argv)
    options = dict(INFERENCE_PRECISION_HINT='bf16') if args.bf16 else {}
    detector = OnnxDetector(args.model, args.engine, **options)
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(args.annotations)
    results = []
    for image in tqdm(truth.loadImgs(truth.getImgIds())):
        (people,) = detector([read_image(str(args.images / image['file_name']))])
        for keypoints, score in zip(people['keypoints'], people['scores'], strict=True):
            person = dict(image_id=image['id'], category_id=1, score=float(score))
            results.append(person | dict(keypoints=keypoints.ravel().tolist()))
    if not results:
        raise InputError(f'{args.model} finds nobody in these images')
    with contextlib.redirect_stdout(io.StringIO()):
        evaluation = COCOeval(truth, truth.loadRes(results), 'keypoints')
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    print(f'AP {evaluation.stats[0]:.4f} on {len(truth.getImgIds())} images')


if __name__ == '__main__':
    main()
