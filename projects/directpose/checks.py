"""Checks of what a user gives, made before any work is done."""

import concurrent.futures
import json
import math
import os
import os.path as osp
import re
import tempfile
from collections.abc import Iterable, Iterator

from mmengine.config import Config
from mmengine.config.config import ConfigParsingError
from mmpose.datasets.datasets.base import BaseCocoStyleDataset
from mmpose.registry import DATASETS
from PIL import Image
from tqdm import tqdm

from .errors import InputError
from .skeleton import read_skeleton

KEYPOINT_METRICS = ('CocoMetric', 'ClasswiseCocoMetric')

# What ends a whole image file, but for what some cameras append to it.
_TAIL = 4096
_LAST_BYTES = {b'\xff\xd8': b'\xff\xd9', b'\x89P': b'IEND\xaeB`\x82'}


def check_config(cfg: Config, splits: Iterable[str]) -> None:
    """Check the data of the splits (``'train'``, ``'val'``, ``'test'``) and the work dir.

    Raises:
        InputError: the first thing found that would end or spoil the run.
    """
    check_work_dir(cfg.work_dir)
    skeleton, num_classes = read_skeleton(cfg.model.metainfo), count_classes(cfg.model)
    checked = set()
    for split in splits:
        if cfg.get(f'{split}_dataloader') is None:
            continue
        evaluators = cfg.get(f'{split}_evaluator') or []
        evaluators = evaluators if isinstance(evaluators, list) else [evaluators]
        for dataset_cfg in leaf_datasets(cfg[f'{split}_dataloader'].dataset):
            dataset = build_unloaded(dataset_cfg)
            if not any(step['type'] == 'KeypointConverter' for step in dataset_cfg['pipeline']):
                check_skeleton(dataset, skeleton)
            files = (dataset.ann_file, dataset.data_prefix['img'])
            if files not in checked:
                images = check_annotations(dataset.ann_file, dataset.metainfo, num_classes)
                check_images(image_paths(dataset, images))
                checked.add(files)
            check_evaluators(evaluators, dataset, split)


def read_config(path: str) -> Config:
    """A config file.

    Raises:
        InputError: it is missing, or no config.
    """
    try:
        return Config.fromfile(path)
    except OSError as error:
        raise InputError(f'cannot read the config {path} ({error}); check the path') from error
    except (SyntaxError, ConfigParsingError) as error:
        raise InputError(f'{path} is no config that mmengine can read ({error})') from error


def count_classes(model_cfg: dict) -> int:
    """Classes of a model of one or of two stages."""
    head = model_cfg.get('roi_head', model_cfg)['bbox_head']
    return head.get('num_classes', 1)


def build_unloaded(dataset_cfg: dict) -> BaseCocoStyleDataset:
    """The dataset of a config without its data: it knows its paths and its skeleton.

    Raises:
        InputError: its metainfo cannot be used.
    """
    if dataset_cfg.get('metainfo'):
        read_skeleton(dataset_cfg['metainfo'])
    return DATASETS.build({**dataset_cfg, 'lazy_init': True, 'pipeline': []})


def leaf_datasets(cfg: dict) -> Iterator[dict]:
    """The configs of the datasets in a dataset wrapper, or of the dataset itself."""
    inner = cfg.get('datasets') or ([cfg['dataset']] if 'dataset' in cfg else [])
    for dataset_cfg in inner:
        yield from leaf_datasets(dataset_cfg)
    if not inner:
        yield cfg


def check_image_list(dataset: BaseCocoStyleDataset) -> None:
    """Check a dataset whose JSON need not have annotations, as that of COCO's test-dev.

    Raises:
        InputError: naming the file, the image id, and the field.
    """
    coco = read_json(dataset.ann_file)
    if not isinstance(coco, dict) or not isinstance(coco.get('images'), list):
        raise InputError(f"{dataset.ann_file} has no list 'images': it is not a COCO image list")
    check_image_records(dataset.ann_file, coco['images'])
    check_images(image_paths(dataset, coco['images']))


def check_skeleton(dataset: BaseCocoStyleDataset, skeleton: dict) -> None:
    """Check that a dataset has the keypoints of the model, in the same order.

    Raises:
        InputError: it has others.
    """
    theirs, ours = dataset.metainfo['keypoint_id2name'], skeleton['keypoint_id2name']
    if theirs == ours:
        return
    name = f'the metainfo of {type(dataset).__name__} ({dataset.metainfo["dataset_name"]})'
    difference = f'{len(ours)} keypoints, but {name} has {len(theirs)}'
    if len(theirs) == len(ours):
        k = next(k for k in ours if ours[k] != theirs.get(k))
        difference = f'{ours[k]} as keypoint {k}, but in {name} that is {theirs.get(k)}'
    raise InputError(
        f'the model predicts {difference}; set model.metainfo to the metainfo of the dataset'
    )


def check_evaluators(evaluators: list, dataset: BaseCocoStyleDataset, split: str) -> None:
    """Check that the metrics of a split can evaluate its dataset.

    Raises:
        InputError: one reads another annotation file, or misses what OKS needs.
    """
    for evaluator in evaluators:
        theirs = evaluator.get('ann_file')
        if theirs and osp.abspath(theirs) != osp.abspath(dataset.ann_file):
            raise InputError(
                f'{split}_evaluator.ann_file is {theirs}, but the data of {split}_dataloader are '
                f'annotated in {dataset.ann_file}; set both to the same file'
            )
        if evaluator['type'] in KEYPOINT_METRICS:
            check_oks(evaluator, dataset, split)


def check_oks(evaluator: dict, dataset: BaseCocoStyleDataset, split: str) -> None:
    """Check that the object keypoint similarity of a dataset can be computed.

    Raises:
        InputError: sigmas, or the areas of the people, are missing.
    """
    sigmas, count = dataset.metainfo['sigmas'], dataset.metainfo['num_keypoints']
    if len(sigmas) != count or not (sigmas > 0).all():
        raise InputError(
            f'the metainfo of {type(dataset).__name__} has {count} keypoints and the sigmas '
            f'{list(map(float, sigmas))}; {evaluator["type"]} needs one above 0 for each'
        )
    if evaluator.get('use_area', True):
        annotations = read_json(dataset.ann_file).get('annotations', [])
        without = [a for a in annotations if 'area' not in a]
        if without:
            raise InputError(
                f'{dataset.ann_file}: annotation {without[0].get("id")} has no area, as '
                f'{len(without)} of {len(annotations)}; set {split}_evaluator.use_area=False'
            )


def check_work_dir(path: str, option: str = '--work-dir') -> None:
    """Check that files can be written to the folder that a command-line option names.

    Raises:
        InputError: they cannot.
    """
    try:
        os.makedirs(path, exist_ok=True)
        tempfile.TemporaryFile(dir=path).close()
    except OSError as error:
        raise InputError(
            f'cannot write to the folder {path} ({error.strerror}); give another one with {option}'
        ) from error


def check_annotations(path: str, skeleton: dict, num_classes: int = 1) -> list[dict]:
    """Check a COCO keypoint JSON; returns its image records.

    Raises:
        InputError: naming the file, the image or annotation id, and the field.
    """
    coco = read_json(path)
    for field in ('images', 'annotations', 'categories'):
        if not isinstance(coco, dict) or not isinstance(coco.get(field), list):
            raise InputError(f'{path} has no list {field!r}: it is not a COCO annotation file')
    check_image_records(path, coco['images'])
    for category in coco['categories']:
        check_category(path, category, skeleton)
    ids = {image['id'] for image in coco['images']}
    for annotation in coco['annotations']:
        problem = annotation_problem(annotation, skeleton['num_keypoints'], num_classes, ids)
        if problem:
            raise InputError(
                f'{path}: annotation {annotation.get("id")} of image '
                f'{annotation.get("image_id")} {problem}'
            )
    return coco['images']


def check_image_records(path: str, images: list[dict]) -> None:
    """Check the images of a COCO JSON.

    Raises:
        InputError: naming the file, the image id, and the field.
    """
    for image in images:
        where = f'{path}: image {image.get("id")}'
        missing = {'id', 'file_name', 'width', 'height'} - set(image)
        if missing:
            raise InputError(f'{where} has no {", ".join(sorted(missing))}')
        if not (image['width'] > 0 and image['height'] > 0):
            raise InputError(
                f'{where} has width {image["width"]} and height {image["height"]}; '
                'both must be positive'
            )


def check_category(path: str, category: dict, skeleton: dict) -> None:
    """Check that a category of a COCO JSON names the keypoints of the metainfo, in their order.

    Many files spell them differently, or name none at all; only the same names in another order
    are surely wrong.

    Raises:
        InputError: they are in another order.
    """
    theirs = [re.sub(r'[\W_]', '', str(k)).lower() for k in category.get('keypoints', [])]
    ours = [re.sub(r'[\W_]', '', k).lower() for k in skeleton['keypoint_id2name'].values()]
    if theirs != ours and sorted(theirs) == sorted(ours):
        k = next(k for k in range(len(ours)) if ours[k] != theirs[k])
        raise InputError(
            f'{path}: category {category.get("id")} lists its keypoints in another order than the '
            f'metainfo: keypoint {k} is {category["keypoints"][k]}, not '
            f'{skeleton["keypoint_id2name"][k]}; reorder the metainfo'
        )


def annotation_problem(
    annotation: dict, num_keypoints: int, num_classes: int, image_ids: set
) -> str | None:
    """What is wrong with a COCO keypoint annotation, if anything is."""
    missing = {'id', 'image_id', 'category_id', 'bbox', 'keypoints'} - set(annotation)
    if missing:
        return f'has no {", ".join(sorted(missing))}: not a keypoint annotation of COCO'
    if annotation['image_id'] not in image_ids:
        return "names an image that is not in 'images'"
    if annotation['category_id'] not in range(1, num_classes + 1):
        return (
            f'has category_id {annotation["category_id"]}; the model knows 1'
            + f' to {num_classes}' * (num_classes > 1)
        )
    lengths = dict(keypoints=3 * num_keypoints, bbox=4, area=1)
    annotation = {'area': 0, **annotation}  # not every dataset has it
    for field, length in lengths.items():
        values = annotation[field] if length > 1 else [annotation[field]]
        if not isinstance(values, list) or not all(isinstance(v, int | float) for v in values):
            return f'has something else than numbers in {field}'
        if not all(map(math.isfinite, values)):
            return f'has a number that is not finite in {field}'
        if field == 'keypoints' and len(values) != length:
            return (
                f'has {len(values)} numbers in keypoints, that is {len(values) / 3:g} keypoints, '
                f'but the metainfo of the dataset has {num_keypoints}'
            )
    box, area = annotation['bbox'], annotation['area']
    if len(box) != 4 or min(box[2:]) < 0 or area < 0:
        return f'has a negative size: bbox {box}, area {area}'
    return None


def read_json(path: str):
    """The content of a JSON file.

    Raises:
        InputError: it is missing or not JSON.
    """
    try:
        with open(path, encoding='utf-8') as file:
            return json.load(file)
    except OSError as error:
        raise InputError(f'cannot read {path} ({error.strerror}); check the path') from error
    except ValueError as error:
        raise InputError(f'{path} is not JSON ({error})') from error


def image_paths(dataset: BaseCocoStyleDataset, images: list[dict]) -> list[str]:
    """The files of image records."""
    return [osp.join(dataset.data_prefix['img'], image['file_name']) for image in images]


def check_images(paths: list[str]) -> None:
    """Check that the image files are there and whole, by their first and last bytes.

    Raises:
        InputError: naming the first broken file and how many there are.
    """
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        results = pool.map(image_problem, paths)
        slow = len(paths) > 10000
        problems = list(tqdm(results, 'checking images', len(paths), disable=not slow))
    broken = [f'{path} {problem}' for path, problem in zip(paths, problems, strict=True) if problem]
    if broken:
        raise InputError(
            f'{len(broken)} of {len(paths)} images cannot be used, the first: {broken[0]}; '
            'restore them or remove them from the annotations'
        )


def image_problem(path: str) -> str | None:
    """What is wrong with an image file, as far as can be told without decoding it."""
    try:
        with open(path, 'rb') as file:
            first = file.read(2)
            file.seek(max(os.fstat(file.fileno()).st_size - _TAIL, 0))
            last = file.read()
    except OSError as error:
        return f'cannot be read ({error.strerror})'
    if not first:
        return 'is empty'
    if _LAST_BYTES.get(first, b'') not in last and not decodes(path):
        return 'is truncated'
    return None


def decodes(path: str) -> bool:
    """Whether Pillow, which unlike OpenCV refuses truncated files, decodes an image."""
    try:
        with Image.open(path) as image:
            image.load()
    except OSError:
        return False
    return True
