"""Sharded, resumable inference on many images.

    directpose infer CONFIG CHECKPOINT IMAGES --out DIR [--shard I/N]

IMAGES is a folder (with its subfolders) or a text file with a path in each line. Process I of N (I
from 0 to N - 1) does each N-th image. It writes parts, DIR/shard-I-of-N/part-*.jsonl, each whole or
not at all: call it again after an interruption, and it goes on with the first part that is missing.
A line is of an image: its path, its size and its people, or what is wrong with it. How many images
could not be read is told in the end, and the exit status is 3 if there are any. job.json there
holds what the parts were made with.

Images of different shapes in a batch are padded to a common one. Normalisation over a map sees the
padding, as everywhere in OpenMMLab, so a person's keypoints depend on what else is in the batch:
with the demo's model, beside a copy rotated by 90 degrees, the keypoints of 12 % of the people
moved by more than 5 % of the diagonal of their box on average. With --batch 1 they do not depend
on it, and shards give exactly what one run gives.
"""

import argparse
import contextlib
import hashlib
import itertools
import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import torch
from mmengine.config import DictAction
from mmengine.dataset import Compose, pseudo_collate
from mmengine.registry import DefaultScope
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from ..apis.inference import (
    IMAGE_SUFFIXES,
    default_device,
    files_in,
    load_model,
    read_image,
)
from ..apis.visualization import coco_annotations
from ..utils.cli import not_negative, positive
from ..utils.errors import INCOMPLETE, InputError, StorageError, exit_on_input_error
from ..utils.io import read_json, write_json, write_text
from ..validation.config import ensure_writable_dir
from ..weights.zoo import split_name


def parse_args(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config', help='config file')
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument('images', help='folder of images, or text file of their paths')
    parser.add_argument('--out', required=True, help='folder to write to')
    parser.add_argument('--shard', default='0/1', help='I/N, for example 3/128 (%(default)s)')
    parser.add_argument('--part', type=positive, default=1000, help='images a file (%(default)s)')
    parser.add_argument('--batch', type=positive, default=8, help='images at once (%(default)s)')
    parser.add_argument(
        '--workers', type=not_negative, default=2, help='processes that read images'
    )
    parser.add_argument('--score-thr', type=float, default=0.1, help='least score of a person')
    parser.add_argument('--device', default=default_device(), help='for example cpu or cuda:0')
    parser.add_argument(
        '--amp', action='store_true', help='half precision: bfloat16 on a CPU, float16 on a GPU'
    )
    parser.add_argument(
        '--cfg-options', nargs='+', action=DictAction, help='key=value of the config'
    )
    return parser.parse_args(split_name(sys.argv[1:] if argv is None else argv))


def parse_shard(text: str) -> tuple[int, int]:
    """Number of a shard and how many there are.

    Raises:
        InputError: it is something else.
    """
    match = re.fullmatch(r'(\d+)/(\d+)', text)
    if match is None or not int(match[1]) < int(match[2]):
        raise InputError(f'--shard {text}: give I/N with I from 0 to N - 1, for example 0/4')
    return int(match[1]), int(match[2])


def list_images(source: str, shard: int, num_shards: int) -> list[str]:
    """The images of a shard, of those in a folder, in order, or in the lines of a text file.

    Raises:
        InputError: there are none, in all shards together.
    """
    path = Path(source)
    try:
        with contextlib.ExitStack() as stack:
            if path.is_dir():
                images = iter(files_in(source, IMAGE_SUFFIXES))
            else:
                # One shard of a list of hundreds of millions fits into the memory, not all.
                file = stack.enter_context(path.open(encoding='utf-8'))
                images = (line.strip() for line in file if line.strip())
            first = next(images, None)
            if first is None:
                raise InputError(f'{source} holds no images: give a folder, or a list of paths')
            return list(itertools.islice(itertools.chain([first], images), shard, None, num_shards))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f'cannot read the image list {source} ({error})') from error


class Images(Dataset):
    """Images as the model takes them, or what is wrong with them, or with the storage.

    Args:
        paths: of the images.
        pipeline: of the test.
        metainfo: of the dataset, for pipelines that mirror.
    """

    def __init__(self, paths: list[str], pipeline: Compose, metainfo: dict) -> None:
        self.paths = paths
        self.pipeline = pipeline
        self.metainfo = metainfo

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, number: int) -> tuple[str, dict | str | StorageError]:
        path = self.paths[number]
        try:
            data = dict(img=read_image(path), img_path=path, img_id=number, id=[number])
            return path, self.pipeline(self.metainfo | data)
        except StorageError as error:
            return path, error
        except InputError as error:
            return path, str(error)
        except cv2.error as error:  # sides of more than 32767 pixels
            return path, f'{path} is more than OpenCV can resize ({error.err})'


def detect_batch(model, batch: list[tuple], score_thr: float) -> list[dict]:
    """Records of a batch of :class:`Images`, in its order.

    Raises:
        StorageError: an image cannot be read now.
    """
    for _, data in batch:
        if isinstance(data, StorageError):
            raise data
    good = [data for _, data in batch if not isinstance(data, str)]
    samples = iter(model.test_step(pseudo_collate(good)) if good else [])
    records = []
    for path, data in batch:
        if isinstance(data, str):
            records.append(dict(image=path, error=data))
            continue
        sample = next(samples)
        people = sample.pred_instances
        height, width = sample.ori_shape
        found = coco_annotations(people[people.bbox_scores > score_thr], 0)
        fields = ('category_id', 'keypoints', 'bbox', 'score')
        people = [{name: person[name] for name in fields} for person in found]
        records.append(dict(image=path, width=width, height=height, people=people))
    return records


def describe_job(args: argparse.Namespace, config: str, images: list[str]) -> dict:
    """What the records of a shard depend on."""
    return dict(
        config=config,
        checkpoint=hashlib.sha256(Path(args.checkpoint).read_bytes()).hexdigest(),
        images=hashlib.sha256(os.fsencode('\n'.join(images))).hexdigest(),
        part=args.part,
        batch=args.batch,
        score_thr=args.score_thr,
        amp=args.amp,
    )


def check_same_job(job: dict, folder: Path) -> None:
    """Check that the parts in a folder, if there are any, are of a job.

    Raises:
        InputError: they are of another one.
    """
    path = folder / 'job.json'
    if path.exists() and any(folder.glob('part-*.jsonl')):
        kept = read_json(str(path))
        different = [name for name in job if kept.get(name) != job[name]]
        if different:
            raise InputError(
                f'{folder} holds parts that were made with other {", ".join(different)}; remove '
                'it, or give another --out'
            )


def errors_of(part: Path) -> Iterator[str]:
    """What is wrong with the images of a part that could not be read."""
    with part.open(encoding='utf-8') as lines:
        for line in lines:
            if '"error": ' in line and 'error' in (record := json.loads(line)):
                yield record['error']


def check_some_are_there(paths: list[str], part: str) -> None:
    """Check, before a part is written, that not all its images are gone, as is a disk.

    Raises:
        InputError: they are.
    """
    if len(paths) > 1 and not any(map(os.path.lexists, paths)):
        raise InputError(
            f'none of the {len(paths)} images of {part} is there, {paths[0]} to {paths[-1]}: call '
            'again when they are, or make another list for another --out'
        )


@exit_on_input_error
@torch.no_grad()
def main(argv=None):
    args = parse_args(argv)
    shard, num_shards = parse_shard(args.shard)
    images = list_images(args.images, shard, num_shards)
    folder = Path(args.out, f'shard-{shard}-of-{num_shards}')
    ensure_writable_dir(str(folder), '--out')
    parts = [images[i : i + args.part] for i in range(0, len(images), args.part)]
    names = [folder / f'part-{number:06d}.jsonl' for number in range(len(parts))]
    model = load_model(args.config, args.checkpoint, args.device, args.cfg_options, args.amp)
    job = describe_job(args, model.cfg.pretty_text, images)
    check_same_job(job, folder)
    write_json(job, folder / 'job.json')
    with DefaultScope.overwrite_default_scope('mmpose'):
        pipeline = Compose(model.cfg.test_dataloader.dataset.pipeline)

    progress = tqdm(desc=f'shard {args.shard}', total=len(images), unit='img')
    for name, paths in zip(names, parts, strict=True):
        if name.exists():
            progress.update(len(paths))
            continue
        loader = DataLoader(
            Images(paths, pipeline, model.dataset_meta),
            args.batch,
            num_workers=args.workers,
            collate_fn=list,
        )
        records = []
        for batch in loader:
            records += detect_batch(model, batch, args.score_thr)
            progress.update(len(batch))
        check_some_are_there(paths, name.name)
        write_text(''.join(json.dumps(record) + '\n' for record in records), name)
    progress.close()
    print(f'{len(images)} images in {len(parts)} parts are in {folder}{os.sep}')
    errors = itertools.chain.from_iterable(map(errors_of, names))
    first = next(errors, None)
    if first is not None:
        count = 1 + sum(1 for _ in errors)
        print(
            f'{count} of {len(images)} images could not be read, the first: {first}',
            file=sys.stderr,
        )
        sys.exit(INCOMPLETE)
