"""Checks of what a user gives, made before any work is done."""

import concurrent.futures
import json
import math
import os
import os.path as osp
import tempfile
from collections.abc import Iterable

import torch
from mmengine.config import Config
from mmpose.registry import DATASETS
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
    checked = set()
    for split in splits:
        loader = cfg.get(f'{split}_dataloader')
        if loader is None:
            continue
        dataset = loader.dataset
        files = (dataset.get('data_root') or '', dataset.ann_file, dataset.data_prefix.img)
        if files not in checked:
            check_dataset(dataset, cfg.model.bbox_head.num_keypoints)
            checked.add(files)


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


def check_dataset(dataset_cfg: dict, num_keypoints: int) -> None:
    """Check a COCO-style dataset and its image files against the model's number of keypoints.

    Args:
        dataset_cfg: with type, ann_file, data_root, data_prefix and maybe metainfo.
        num_keypoints: K of the model.

    Raises:
        InputError: naming the file, the image or annotation id, and the field.
    """
    # The dataset itself knows how its paths are joined and what its skeleton is.
    dataset = DATASETS.build({**dataset_cfg, 'lazy_init': True, 'pipeline': []})
    known = dataset.metainfo['num_keypoints']
    if known != num_keypoints:
        raise InputError(
            f'the model predicts {num_keypoints} keypoints, but the metainfo of '
            f'{dataset_cfg["type"]} has {known}; set num_keypoints and the groups of the config '
            'to those of the dataset'
        )
    images = check_annotations(dataset.ann_file, num_keypoints)
    check_images([osp.join(dataset.data_prefix['img'], i['file_name']) for i in images])


def check_annotations(path: str, num_keypoints: int) -> list[dict]:
    """Check a COCO keypoint JSON; returns its image records.

    Raises:
        InputError: naming the file, the image or annotation id, and the field.
    """
    coco = read_json(path)
    for field in ('images', 'annotations'):
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
        problem = annotation_problem(annotation, num_keypoints, ids)
        if problem:
            raise InputError(
                f'{path}: annotation {annotation.get("id")} of image '
                f'{annotation.get("image_id")} {problem}'
            )
    return coco['images']


def annotation_problem(annotation: dict, num_keypoints: int, image_ids: set) -> str | None:
    """What is wrong with a COCO keypoint annotation, if anything is."""
    missing = {'id', 'image_id', 'category_id', 'bbox', 'keypoints'} - set(annotation)
    if missing:
        return f'has no {", ".join(sorted(missing))}: not a keypoint annotation'
    if annotation['image_id'] not in image_ids:
        return "names an image that is not in 'images'"
    keypoints, box = annotation['keypoints'], annotation['bbox']
    if len(keypoints) != 3 * num_keypoints:
        return (
            f'has {len(keypoints)} numbers in keypoints, that is {len(keypoints) / 3:g} keypoints, '
            f'but the config has {num_keypoints}'
        )
    numbers = dict(keypoints=keypoints, bbox=box, area=[annotation.get('area', 0)])
    for field, values in numbers.items():
        if not all(map(math.isfinite, values)):
            return f'has a number that is not finite in {field}'
    if len(box) != 4 or min(box[2:]) < 0 or annotation.get('area', 0) < 0:
        return f'has a negative size: bbox {box}, area {annotation.get("area")}'
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
    """What is wrong with an image file, as far as its first and last bytes tell."""
    try:
        with open(path, 'rb') as file:
            first = file.read(2)
            file.seek(max(os.fstat(file.fileno()).st_size - _TAIL, 0))
            last = file.read()
    except OSError as error:
        return f'cannot be read ({error.strerror})'
    if not first:
        return 'is empty'
    if _LAST_BYTES.get(first, b'') not in last:
        return 'is truncated'
    return None


def check_checkpoint(path: str, model: torch.nn.Module) -> None:
    """Check that a checkpoint fits the model: mmengine only warns and leaves random weights.

    Training-only branches may be absent from either side.

    Raises:
        InputError: the file cannot be read, or weights are missing, unknown or of another shape.
    """
    try:
        content = torch.load(path, map_location='cpu', weights_only=True)
    except OSError as error:
        raise InputError(f'cannot read the checkpoint {path} ({error.strerror})') from error
    except Exception as error:
        raise InputError(f'{path} is not a checkpoint of plain weights ({error})') from error
    weights = content.get('state_dict', content)
    found = {name: tuple(w.shape) for name, w in weights.items() if torch.is_tensor(w)}
    wanted = {name: tuple(w.shape) for name, w in model.state_dict().items()}
    for shapes in (found, wanted):
        for name in [n for n in shapes if n.startswith(('heatmap_head.', 'data_preprocessor.'))]:
            del shapes[name]
    problems = [f'{name} is missing' for name in wanted.keys() - found.keys()]
    problems += [f'{name} is not in the model' for name in found.keys() - wanted.keys()]
    problems += [
        f'{name} is {found[name]}, in the model {wanted[name]}'
        for name in wanted.keys() & found.keys()
        if wanted[name] != found[name]
    ]
    if problems:
        listed = '; '.join(sorted(problems)[:5]) + ' …' * (len(problems) > 5)
        raise InputError(
            f'the checkpoint {path} is of another model or skeleton than the config: '
            f'{len(problems)} of {len(wanted)} weights differ ({listed})'
        )
