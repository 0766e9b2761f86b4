"""Validation of configs and the data they name."""

import os
import os.path as osp
import tempfile
from collections.abc import Iterable, Iterator

from mmengine.config import Config
from mmpose.datasets.datasets.base import BaseCocoStyleDataset
from mmpose.datasets.transforms import KeypointConverter
from mmpose.evaluation.metrics import CocoMetric
from mmpose.registry import DATASETS, METRICS

from ..datasets import CocoKeypointDataset, PseudoBoxes, RandomScaleCrop
from ..datasets.coco import is_person
from ..datasets.metainfo import parse_metainfo
from ..utils.config import build_model, config_error_context, mmpose_scope
from ..utils.errors import InputError
from ..utils.images import check_images
from ..utils.io import read_json
from ..utils.storage import is_remote, make_remote_folder
from .coco_json import check_annotations, check_image_records

KIND_NAMES = {str: 'a path', dict: 'a dict', int: 'a whole number'}  # of the parts of a config


def check_config(cfg: Config, splits: Iterable[str]) -> None:
    """Check the model, the data of the splits (``'train'``, ``'val'``, ``'test'``), the work dir.

    Raises:
        InputError: the first thing found that would end or spoil the run.
    """
    check_parts(cfg, splits)
    if 'val' in splits:
        check_validation(cfg)
    ensure_writable_dir(cfg.work_dir)
    skeleton = parse_metainfo(cfg.model.metainfo)
    datasets = [(split, dataset) for split in splits for dataset in unloaded_datasets(cfg, split)]
    for split, dataset in datasets:
        check_pipeline(cfg, split, dataset)
        if not any(isinstance(step, KeypointConverter) for step in dataset.pipeline.transforms):
            check_skeleton(dataset, skeleton)
    build_model(cfg)
    has_labels, labelled = {}, {split: False for split, _ in datasets}
    for split, dataset in datasets:
        files = (dataset.ann_file, dataset.data_prefix['img'], dataset.test_mode)
        if files not in has_labels:
            coco = check_annotations(dataset.ann_file, dataset.metainfo, count_classes(cfg.model))
            check_images(*image_files(dataset, used_images(dataset, coco)))
            has_labels[files] = any(map(is_person, coco['annotations']))
        labelled[split] |= has_labels[files]
        alone = [name for name, _ in datasets].count(split) == 1
        check_evaluators(cfg, dataset, split, alone)
    unlabelled = [split for split, found in labelled.items() if not found]
    if unlabelled:
        raise InputError(
            f'{cfg.filename}: nobody, crowds aside, has a labelled keypoint in the data of '
            f'{unlabelled[0]}_dataloader; give it annotations with keypoints'
        )


def check_validation(cfg: Config) -> None:
    """Check what is read only after the first epoch: when to validate, and which AP is the best.

    Raises:
        InputError: the interval is no number of epochs or iterations, or no evaluator has metrics
            with such a name.
    """
    interval = dict_or_empty(cfg.get('train_cfg')).get('val_interval', 1)
    if not isinstance(interval, int) or interval < 1:
        raise InputError(
            f'{cfg.filename}: train_cfg.val_interval is {interval!r}; give a whole number of at '
            'least 1'
        )
    evaluators = evaluators_of(cfg, 'val')
    prefixes = [e.get('prefix') or getattr(metric_of(e), 'default_prefix', '') for e in evaluators]
    best = dict_or_empty(dict_or_empty(cfg.get('default_hooks')).get('checkpoint')).get('save_best')
    for name in [best] if isinstance(best, str) else best or []:
        if name != 'auto' and prefixes and all(prefixes) and name.split('/')[0] not in prefixes:
            raise InputError(
                f'{cfg.filename}: default_hooks.checkpoint.save_best is {name!r}, but the metrics '
                f'of val_evaluator begin with {" or ".join(f"{p}/" for p in prefixes)}; give one '
                f"of those, for example '{prefixes[0]}/AP'"
            )


def check_pipeline(cfg: Config, split: str, dataset: BaseCocoStyleDataset) -> None:
    """Check that a dataset suits the loader, and that its boxes are made before its crop.

    Raises:
        InputError: the batch sampler wants sizes that it does not have, or a pipeline of an older
            version makes boxes of what the crop has left.
    """
    name = f'{cfg.filename}: {split}_dataloader'
    sampler = dict_or_empty(cfg[f'{split}_dataloader'].get('batch_sampler')).get('type', '')
    if 'AspectRatio' in str(sampler) and not isinstance(dataset, CocoKeypointDataset):
        raise InputError(
            f'{name}.batch_sampler needs the sizes of images, which {type(dataset).__name__} does '
            "not give; use type='CocoKeypointDataset' with its metainfo, or batch_sampler=None"
        )
    kinds = [type(step) for step in dataset.pipeline.transforms]
    boxes = [n for n, kind in enumerate(kinds) if issubclass(kind, PseudoBoxes)]
    crops = [n for n, kind in enumerate(kinds) if issubclass(kind, RandomScaleCrop)]
    if boxes and crops and boxes[0] > crops[0]:
        raise InputError(
            f'{name}.dataset.pipeline: PseudoBoxes must stand before RandomFlip and '
            'RandomScaleCrop; see docs/recipes.md'
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
    wanted: dict[str, type] = {
        'work_dir': str,
        'model': dict,
        'model.metainfo': dict,
        f'model.{head}': dict,
    }
    for split in splits:
        if split in ('train', 'test') or cfg.get(f'{split}_dataloader') is not None:
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
    with config_error_context(part), mmpose_scope():
        if dataset_cfg.get('metainfo'):
            parse_metainfo(dataset_cfg['metainfo'])
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


def used_images(dataset: BaseCocoStyleDataset, coco: dict) -> list[dict]:
    """The image records that a dataset loads: a training needs no image without people.

    Args:
        dataset: without its data.
        coco: content of its annotation file.
    """
    if dataset.test_mode:
        return coco['images']
    filtered = isinstance(dataset, CocoKeypointDataset)
    used = {a['image_id'] for a in coco['annotations'] if not filtered or is_person(a)}
    return [image for image in coco['images'] if image['id'] in used]


def check_image_list(dataset: BaseCocoStyleDataset) -> None:
    """Check a dataset whose JSON need not have annotations, as that of COCO's test-dev.

    Raises:
        InputError: naming the file, the image id, and the field.
    """
    coco = read_json(dataset.ann_file)
    if not isinstance(coco, dict) or not isinstance(coco.get('images'), list):
        raise InputError(f"{dataset.ann_file} has no list 'images': it is not a COCO image list")
    check_image_records(dataset.ann_file, coco['images'])
    check_images(*image_files(dataset, coco['images']))


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


def check_evaluators(
    cfg: Config, dataset: BaseCocoStyleDataset, split: str, alone: bool = True
) -> None:
    """Check that the metrics of a split can evaluate a dataset of it.

    Args:
        cfg: of the run.
        dataset: without its data.
        split: of the run.
        alone: whether it has no other dataset. Else a metric may be for another one, or read a file
            of them all.

    Raises:
        InputError: one reads another annotation file, or misses what OKS needs.
    """
    for evaluator in evaluators_of(cfg, split):
        theirs = evaluator.get('ann_file')
        if theirs and osp.abspath(theirs) != osp.abspath(dataset.ann_file):
            if not alone:
                continue
            raise InputError(
                f'{split}_evaluator.ann_file is {theirs}, but the data of {split}_dataloader are '
                f'annotated in {dataset.ann_file}; set both to the same file'
            )
        if issubclass(metric_of(evaluator) or object, CocoMetric):
            check_oks(evaluator, dataset, split)


def evaluators_of(cfg: Config, split: str) -> list[dict]:
    """The configs of the metrics of a split, those in a wrapper one by one."""

    def unwrap(evaluators) -> Iterator[dict]:
        for evaluator in evaluators if isinstance(evaluators, list | tuple) else [evaluators]:
            if 'metrics' in evaluator:
                yield from unwrap(evaluator['metrics'])
            else:
                yield evaluator

    return list(unwrap(cfg.get(f'{split}_evaluator') or []))


def metric_of(evaluator: dict) -> type | None:
    """The class of the config of a metric, if there is such a class."""
    kind = evaluator.get('type')
    return METRICS.get(kind) if isinstance(kind, str) else kind


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
        without = [
            a
            for a in annotations
            if 'area' not in a or (not a['area'] and 'keypoints' in a and is_person(a))
        ]
        if without:
            raise InputError(
                f'{dataset.ann_file}: annotation {without[0].get("id")} has no area, or 0, as '
                f'{len(without)} of {len(annotations)}; set {split}_evaluator.use_area=False'
            )


def ensure_writable_file(path: str, option: str) -> None:
    """Make the folder of the file that a command-line option names, and check both.

    Raises:
        InputError: it is a folder, or its folder cannot be written to.
    """
    if os.path.exists(path) and not os.path.isfile(path):
        kind = 'a folder' if os.path.isdir(path) else 'no file on a disk'
        raise InputError(f'{option} {path} is {kind}; give the name of a file')
    ensure_writable_dir(os.path.dirname(os.path.abspath(path)), option)


def ensure_writable_dir(path: str, option: str = '--work-dir') -> None:
    """Make the folder that a command-line option names, and check that it can be written to.

    Raises:
        InputError: they cannot.
    """
    try:
        if is_remote(path):
            make_remote_folder(path)
        else:
            os.makedirs(path, exist_ok=True)
            tempfile.TemporaryFile(dir=path).close()
    except OSError as error:
        reason = error.strerror or error
        raise InputError(
            f'cannot write to the folder {path} ({reason}); give another one with {option}'
        ) from error


def image_files(dataset: BaseCocoStyleDataset, images: list[dict]) -> tuple[list, list]:
    """The paths of image records, and their sizes (width, height)."""
    folder = dataset.data_prefix['img']
    paths = [osp.join(folder, image['file_name']) for image in images]
    return paths, [(image['width'], image['height']) for image in images]
