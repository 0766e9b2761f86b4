"""Checks of what a user gives, made before any work is done."""

import concurrent.futures
import json
import math
import os
import os.path as osp
import tempfile
from collections.abc import Iterable, Iterator, Mapping

import torch
from mmengine.config import Config
from mmpose.datasets.datasets.base import BaseCocoStyleDataset
from mmpose.registry import DATASETS
from PIL import Image
from tqdm import tqdm

from .errors import InputError

# What ends a whole image file, but for what some cameras append to it.
_TAIL = 4096
_LAST_BYTES = {b'\xff\xd8': b'\xff\xd9', b'\x89P': b'IEND\xaeB`\x82'}


def check_config(cfg: Config, splits: Iterable[str]) -> None:
    """Check the data of the splits (``'train'``, ``'val'``, ``'test'``) and the work dir.

    Raises:
        InputError: the first thing found that would end or spoil the run.
    """
    check_work_dir(cfg.work_dir)
    check_model(cfg.model)
    checked = set()
    for split in splits:
        if cfg.get(f'{split}_dataloader') is None:
            continue
        for dataset_cfg in leaf_datasets(cfg[f'{split}_dataloader'].dataset):
            # The dataset itself knows how its paths are joined and what its skeleton is.
            dataset = DATASETS.build({**dataset_cfg, 'lazy_init': True, 'pipeline': []})
            check_evaluator(cfg.get(f'{split}_evaluator'), dataset.ann_file, split)
            files = (dataset.ann_file, dataset.data_prefix['img'])
            if files not in checked:
                check_dataset(dataset, cfg.model.bbox_head)
                checked.add(files)


def leaf_datasets(cfg: dict) -> Iterator[dict]:
    """The configs of the datasets in a dataset wrapper, or of the dataset itself."""
    inner = cfg.get('datasets') or ([cfg['dataset']] if 'dataset' in cfg else [])
    for dataset_cfg in inner:
        yield from leaf_datasets(dataset_cfg)
    if not inner:
        yield cfg


def check_model(model_cfg: dict) -> None:
    """Check that the branches of the model are for the same keypoints.

    Raises:
        InputError: they are not.
    """
    known = model_cfg['bbox_head']['num_keypoints']
    heatmap_head = model_cfg.get('heatmap_head')
    if heatmap_head is not None and heatmap_head['num_keypoints'] != known:
        raise InputError(
            f'model.bbox_head.num_keypoints is {known}, but model.heatmap_head.num_keypoints is '
            f'{heatmap_head["num_keypoints"]}; set both to that of the dataset'
        )


def check_evaluator(evaluators: dict | list | None, ann_file: str, split: str) -> None:
    """Check that the metrics of a split read the annotations of its dataset.

    Raises:
        InputError: one reads another file.
    """
    for evaluator in evaluators if isinstance(evaluators, list) else [evaluators or {}]:
        theirs = evaluator.get('ann_file')
        if theirs and osp.abspath(theirs) != osp.abspath(ann_file):
            raise InputError(
                f'{split}_evaluator.ann_file is {theirs}, but the data of {split}_dataloader are '
                f'annotated in {ann_file}; set both to the same file'
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


def check_dataset(dataset: BaseCocoStyleDataset, head_cfg: dict) -> None:
    """Check a dataset that is not loaded yet, and its image files, against the model's head.

    Raises:
        InputError: naming the file, the image or annotation id, and the field.
    """
    known, wanted = dataset.metainfo['num_keypoints'], head_cfg['num_keypoints']
    if known != wanted:
        raise InputError(
            f'the model predicts {wanted} keypoints, but the metainfo of '
            f'{type(dataset).__name__} has {known}; set num_keypoints and the groups of the config '
            'to those of the dataset'
        )
    images = check_annotations(dataset.ann_file, wanted, head_cfg.get('num_classes', 1))
    check_images([osp.join(dataset.data_prefix['img'], i['file_name']) for i in images])


def check_annotations(path: str, num_keypoints: int, num_classes: int = 1) -> list[dict]:
    """Check a COCO keypoint JSON; returns its image records.

    Raises:
        InputError: naming the file, the image or annotation id, and the field.
    """
    coco = read_json(path)
    for field in ('images', 'annotations', 'categories'):
        if not isinstance(coco, dict) or not isinstance(coco.get(field), list):
            raise InputError(f'{path} has no list {field!r}: it is not a COCO annotation file')
    for image in coco['images']:
        where = f'{path}: image {image.get("id")}'
        missing = {'id', 'file_name', 'width', 'height'} - set(image)
        if missing:
            raise InputError(f'{where} has no {", ".join(sorted(missing))}')
        if not (image['width'] > 0 and image['height'] > 0):
            raise InputError(
                f'{where} has width {image["width"]} and height {image["height"]}; '
                'both must be positive'
            )
    ids = {image['id'] for image in coco['images']}
    for annotation in coco['annotations']:
        problem = annotation_problem(annotation, num_keypoints, num_classes, ids)
        if problem:
            raise InputError(
                f'{path}: annotation {annotation.get("id")} of image '
                f'{annotation.get("image_id")} {problem}'
            )
    return coco['images']


def annotation_problem(
    annotation: dict, num_keypoints: int, num_classes: int, image_ids: set
) -> str | None:
    """What is wrong with a COCO keypoint annotation, if anything is."""
    missing = {'id', 'image_id', 'category_id', 'bbox', 'area', 'keypoints'} - set(annotation)
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
    for field, length in lengths.items():
        values = annotation[field] if length > 1 else [annotation[field]]
        if not isinstance(values, list) or not all(isinstance(v, int | float) for v in values):
            return f'has something else than numbers in {field}'
        if not all(map(math.isfinite, values)):
            return f'has a number that is not finite in {field}'
        if field == 'keypoints' and len(values) != length:
            return (
                f'has {len(values)} numbers in keypoints, that is {len(values) / 3:g} keypoints, '
                f'but the config has {num_keypoints}'
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


def read_checkpoint(path: str) -> tuple[dict[str, torch.Tensor], dict]:
    """The weights of a checkpoint, and whatever else it holds, without running what is in it.

    Raises:
        InputError: the file cannot be read, or holds something else.
    """
    try:
        content = torch.load(path, map_location='cpu', weights_only=True)
        weights = content.get('state_dict', content)
        weights = {name: w for name, w in weights.items() if torch.is_tensor(w)}
    except OSError as error:
        raise InputError(
            f'cannot read the checkpoint {path} ({error.strerror}); give a file on this machine'
        ) from error
    except Exception as error:  # whatever unpickling a stranger's file ends in
        raise InputError(
            f'{path} is not a checkpoint of plain weights ({type(error).__name__})'
        ) from error
    return weights, content


def weight_problems(
    found: Mapping[str, torch.Tensor], wanted: Mapping[str, torch.Tensor]
) -> list[str]:
    """What is missing, unknown or of another shape among the weights found, sorted."""
    missing = wanted.keys() - found.keys()
    # A count that nothing reads, and that old checkpoints lack.
    problems = [f'{n} is missing' for n in missing if not n.endswith('.num_batches_tracked')]
    problems += [f'{name} is not in the model' for name in found.keys() - wanted.keys()]
    problems += [
        f'{name} is {tuple(found[name].shape)}, in the model {tuple(wanted[name].shape)}'
        for name in wanted.keys() & found.keys()
        if wanted[name].shape != found[name].shape
    ]
    return sorted(problems)


def check_checkpoint(path: str, model: torch.nn.Module) -> None:
    """Check that a checkpoint fits the model: mmengine only warns and leaves random weights.

    Training-only branches may be absent from either side.

    Raises:
        InputError: the file cannot be read, or weights are missing, unknown or of another shape.
    """
    optional = ('heatmap_head.', 'data_preprocessor.')
    found, wanted = (
        {name: w for name, w in weights.items() if not name.startswith(optional)}
        for weights in (read_checkpoint(path)[0], model.state_dict())
    )
    problems = weight_problems(found, wanted)
    if problems:
        listed = '; '.join(problems[:5]) + ' …' * (len(problems) > 5)
        raise InputError(
            f'the checkpoint {path} is of another model or skeleton than the config: '
            f'{len(problems)} of {len(wanted)} weights differ ({listed})'
        )
