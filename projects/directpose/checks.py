"""Checks of what a user gives, made before any work is done."""

import collections
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
from mmpose.datasets.transforms import KeypointConverter
from mmpose.registry import DATASETS

from .building import build_model, told_as
from .errors import InputError
from .image_files import check_images
from .skeleton import read_skeleton

KEYPOINT_METRICS = ('CocoMetric', 'ClasswiseCocoMetric')

NUMBER = int | float
TYPE_NAMES = {NUMBER: 'a number', int: 'a whole number', str: 'a text', list: 'a list'}
KIND_NAMES = {str: 'a path', dict: 'a dict', int: 'a whole number'}  # of the parts of a config
IMAGE_FIELDS = dict(id=int, file_name=str, width=NUMBER, height=NUMBER)
CATEGORY_FIELDS = dict(id=NUMBER)
ANNOTATION_FIELDS = dict(id=int, image_id=int, category_id=NUMBER, bbox=list, keypoints=list)
OPTIONAL_ANNOTATION_FIELDS = dict(area=NUMBER, iscrowd=NUMBER, num_keypoints=NUMBER)
LARGEST = 1e9


def check_config(cfg: Config, splits: Iterable[str]) -> None:
    """Check the model, the data of the splits (``'train'``, ``'val'``, ``'test'``), the work dir.

    Raises:
        InputError: the first thing found that would end or spoil the run.
    """
    check_parts(cfg, splits)
    check_work_dir(cfg.work_dir)
    skeleton = read_skeleton(cfg.model.metainfo)
    datasets = [(split, dataset) for split in splits for dataset in unloaded_datasets(cfg, split)]
    for _, dataset in datasets:
        if not any(isinstance(step, KeypointConverter) for step in dataset.pipeline.transforms):
            check_skeleton(dataset, skeleton)
    build_model(cfg)
    has_labels, labelled = {}, {split: False for split, _ in datasets}
    for split, dataset in datasets:
        files = (dataset.ann_file, dataset.data_prefix['img'])
        if files not in has_labels:
            coco = check_annotations(dataset.ann_file, dataset.metainfo, count_classes(cfg.model))
            check_images(image_paths(dataset, coco['images']))
            has_labels[files] = any(any(a['keypoints'][2::3]) for a in coco['annotations'])
        labelled[split] |= has_labels[files]
        check_evaluators(cfg, dataset, split)
    unlabelled = [split for split, found in labelled.items() if not found]
    if unlabelled:
        raise InputError(
            f'{cfg.filename}: no keypoint is labelled in the data of {unlabelled[0]}_dataloader; '
            'give it annotations with keypoints'
        )


def unloaded_datasets(cfg: Config, split: str) -> Iterator[BaseCocoStyleDataset]:
    """The datasets of a split, those in a wrapper one by one, without their data.

    Raises:
        InputError: see :func:`build_unloaded`.
    """
    name = f'{split}_dataloader'
    for dataset_cfg in leaf_datasets(cfg[name].dataset) if cfg.get(name) else ():
        yield build_unloaded(dataset_cfg, f'{cfg.filename}: {name}.dataset')


def check_parts(cfg: Config, splits: Iterable[str]) -> None:
    """Check that the parts of a config that the other checks read are there, each of its kind.

    Raises:
        InputError: naming the config and the part.
    """
    head = 'roi_head' if 'roi_head' in dict_or_empty(cfg.get('model')) else 'bbox_head'
    wanted = {'work_dir': str, 'model': dict, 'model.metainfo': dict, f'model.{head}': dict}
    for split in splits:
        if split == 'train' or cfg.get(f'{split}_dataloader') is not None:
            loader = f'{split}_dataloader'
            wanted |= {loader: dict, f'{loader}.dataset': dict, f'{loader}.batch_size': int}
    for name, kind in wanted.items():
        value = cfg
        for key in name.split('.'):
            value = (value if value is cfg else dict_or_empty(value)).get(key)
        if not isinstance(value, kind):
            raise InputError(
                f'{cfg.filename}: {name} is {str(value)[:60]!r} instead of {KIND_NAMES[kind]}; '
                'compare with the configs of directpose'
            )


def dict_or_empty(value) -> dict:
    """The value if it is a dict, else an empty one."""
    return value if isinstance(value, dict) else {}


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


def build_unloaded(dataset_cfg: dict, part: str) -> BaseCocoStyleDataset:
    """The dataset of a config without its data: it knows its paths and its skeleton.

    Args:
        dataset_cfg: of a dataset of mmpose in COCO's format.
        part: what to call it in an error.

    Raises:
        InputError: it cannot be built, or its metainfo or its folder of images cannot be used.
    """
    with told_as(part):
        if dataset_cfg.get('metainfo'):
            read_skeleton(dataset_cfg['metainfo'])
        dataset = DATASETS.build({**dataset_cfg, 'lazy_init': True})
    if 'img' not in dataset.data_prefix:
        raise InputError(f"{part}.data_prefix has no 'img', the folder of the images")
    return dataset


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


def check_evaluators(cfg: Config, dataset: BaseCocoStyleDataset, split: str) -> None:
    """Check that the metrics of a split can evaluate its dataset.

    Raises:
        InputError: one reads another annotation file, or misses what OKS needs.
    """
    evaluators = cfg.get(f'{split}_evaluator') or []
    for evaluator in evaluators if isinstance(evaluators, list) else [evaluators]:
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


def check_annotations(path: str, skeleton: dict, num_classes: int = 1) -> dict:
    """Check a COCO keypoint JSON; returns its content.

    Raises:
        InputError: naming the file, the image or annotation id, and the field.
    """
    coco = read_json(path)
    for field in ('images', 'annotations', 'categories'):
        if not isinstance(coco, dict) or not isinstance(coco.get(field), list):
            raise InputError(f'{path} has no list {field!r}: it is not a COCO annotation file')
    check_image_records(path, coco['images'])
    for number, category in enumerate(coco['categories']):
        check_category(path, number, category, skeleton)
    ids = {image['id'] for image in coco['images']}
    for number, annotation in enumerate(coco['annotations']):
        problem = annotation_problem(annotation, skeleton['num_keypoints'], num_classes, ids)
        if problem:
            name = name_of('annotation', number, annotation)
            if isinstance(annotation, dict):
                name += f' of image {annotation.get("image_id")!r:.50}'
            raise InputError(f'{path}: {name} {problem}')
    check_unique(path, 'annotation', coco['annotations'])
    return coco


def check_image_records(path: str, images: list) -> None:
    """Check the images of a COCO JSON.

    Raises:
        InputError: naming the file, the image id, and the field.
    """
    for number, image in enumerate(images):
        problem = field_problem(image, IMAGE_FIELDS)
        if not problem and not (image['width'] > 0 and image['height'] > 0):
            size = f'width {image["width"]} and height {image["height"]}'
            problem = f'has {size}; both must be positive'
        if problem:
            raise InputError(f'{path}: {name_of("image", number, image)} {problem}')
    check_unique(path, 'image', images)


def check_unique(path: str, kind: str, records: list[dict]) -> None:
    """Check that no two records have the same id: pycocotools would take the last for all.

    Raises:
        InputError: two have.
    """
    counts = collections.Counter(record['id'] for record in records)
    twice = [number for number, count in counts.items() if count > 1]
    if twice:
        raise InputError(
            f'{path}: {counts[twice[0]]} {kind}s have the id {twice[0]}, and {len(twice)} ids in '
            'all are not unique; number them anew'
        )


def name_of(kind: str, number: int, record) -> str:
    """What to call a record of a COCO JSON: by its id, or by its number in the list."""
    if isinstance(record, dict) and 'id' in record:
        return f'{kind} {record["id"]!r:.50}'
    return f'{kind} number {number}'


def field_problem(record, fields: dict[str, type], optional: dict[str, type] | None = None):
    """What in a record of a COCO JSON is missing or of another type, if anything is.

    Args:
        record: of an image, an annotation or a category.
        fields: names and types of what it must have.
        optional: names and types of what it may have.
    """
    if not isinstance(record, dict):
        return f'is {record!r:.50}, no record in curly brackets'
    missing = [name for name in fields if name not in record]
    if missing:
        return f'has no {", ".join(missing)}'
    for name, kind in (fields | (optional or {})).items():
        value = record.get(name)
        if name in record and not isinstance(value, kind):
            return f'has {value!r:.50} as its {name}; that must be {TYPE_NAMES[kind]}'
    return None


def check_category(path: str, number: int, category: dict, skeleton: dict) -> None:
    """Check that a category of a COCO JSON names the keypoints of the metainfo, in their order.

    Many files spell them differently, or name none at all; only the same names in another order
    are surely wrong.

    Raises:
        InputError: they are in another order, or the category is none.
    """
    problem = field_problem(category, CATEGORY_FIELDS, dict(name=str, keypoints=list))
    if problem:
        raise InputError(f'{path}: {name_of("category", number, category)} {problem}')
    theirs = [re.sub(r'[\W_]', '', str(k)).lower() for k in category.get('keypoints', [])]
    ours = [re.sub(r'[\W_]', '', k).lower() for k in skeleton['keypoint_id2name'].values()]
    if theirs != ours and sorted(theirs) == sorted(ours):
        k = next(k for k in range(len(ours)) if ours[k] != theirs[k])
        raise InputError(
            f'{path}: category {category["id"]} lists its keypoints in another order than the '
            f'metainfo: keypoint {k} is {category["keypoints"][k]}, not '
            f'{skeleton["keypoint_id2name"][k]}; reorder the metainfo'
        )


def annotation_problem(
    annotation: dict, num_keypoints: int, num_classes: int, image_ids: set
) -> str | None:
    """What is wrong with a COCO keypoint annotation, if anything is."""
    problem = field_problem(annotation, ANNOTATION_FIELDS, OPTIONAL_ANNOTATION_FIELDS)
    if problem:
        return problem
    if annotation['image_id'] not in image_ids:
        return "names an image that is not in 'images'"
    if annotation['category_id'] not in range(1, num_classes + 1):
        return (
            f'has category_id {annotation["category_id"]}; the model knows 1'
            + f' to {num_classes}' * (num_classes > 1)
        )
    box, keypoints, area = annotation['bbox'], annotation['keypoints'], annotation.get('area', 0)
    for field, values in dict(bbox=box, keypoints=keypoints, area=[area]).items():
        if not all(isinstance(v, NUMBER) for v in values):
            return f'has something else than numbers in {field}'
        if not all(map(math.isfinite, values)):
            return f'has a number that is not finite in {field}'
        if max(map(abs, values), default=0) > LARGEST:
            return f'has {max(values, key=abs):g} in {field}, more than any picture has pixels'
    if len(keypoints) != 3 * num_keypoints:
        return (
            f'has {len(keypoints)} numbers in keypoints, that is {len(keypoints) / 3:g} keypoints, '
            f'but the metainfo of the dataset has {num_keypoints}'
        )
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
