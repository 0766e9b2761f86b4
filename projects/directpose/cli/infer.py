"""People in many images: sharded or on a Ray cluster, resumable.

    directpose infer CONFIG CHECKPOINT IMAGES --out DIR [--shard I/N]
    directpose infer CONFIG CHECKPOINT IMAGES --out DIR --ray

IMAGES is a folder (with its subfolders), a text file with a path in each line, or a Parquet file
with the paths in a column named image. All of them, and DIR, can be in a bucket (s3://, gs://).

Parts, part-*.jsonl or part-*.parquet, are written whole or not at all: call it again after an
interruption, and it goes on with those that are missing. Without --ray, process I of N (I from 0 to
N - 1) does each N-th image, in DIR/shard-I-of-N. With --ray, a pool of models on the cluster of
RAY_ADDRESS, or on the GPUs and cores of this machine, shares the parts.

A record is of an image: its path, its size and its people, or what is wrong with it. How many
images could not be read is told in the end, and the exit status is 3 if there are any. job.json
beside the parts holds what they were made with.

Images of different shapes in a batch are padded to a common one. Normalisation over a map sees the
padding, as everywhere in OpenMMLab, so a person's keypoints depend on what else is in the batch:
with the demo's model, beside a copy rotated by 90 degrees, the keypoints of 12 % of the people
moved by more than 5 % of the diagonal of their box on average. With --batch 1 they do not depend
on it, and shards and clusters give exactly what one process gives.
"""

import argparse
import itertools
import os
import re
import sys
from collections.abc import Iterable, Iterator

from tqdm import tqdm

from ..apis.image_lists import fingerprint, list_images
from ..apis.parts import WRITERS, Done, begin, finish_part, is_begun, pyarrow_parquet
from ..apis.predictor import Predictor
from ..utils.cli import KeyValues, not_negative, positive, share
from ..utils.errors import INCOMPLETE, InputError, exit_on_input_error
from ..utils.storage import is_remote
from ..validation.config import ensure_writable_dir
from ..weights.zoo import local_weights, split_name


def parse_args(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config', help='config file')
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument('images', help='folder of images, or file of their paths')
    parser.add_argument('--out', required=True, help='folder to write to')
    parser.add_argument('--shard', help='I/N, for example 3/128 (0/1)')
    parser.add_argument('--format', choices=WRITERS, default='jsonl', help='default: %(default)s')
    parser.add_argument(
        '--part',
        type=positive,
        default=1000,
        help='images in each output file (default: %(default)s)',
    )
    parser.add_argument(
        '--batch', type=positive, default=8, help='images at once (default: %(default)s)'
    )
    parser.add_argument(
        '--workers',
        type=not_negative,
        default=2,
        help='processes that read images (default: %(default)s)',
    )
    parser.add_argument(
        '--score-thr',
        type=share,
        default=0.1,
        help='minimum score of a person (default: %(default)s)',
    )
    parser.add_argument('--device', help='cpu, cuda:0, … (the GPU if there is one)')
    parser.add_argument(
        '--amp', action='store_true', help='half precision: bfloat16 on a CPU, float16 on a GPU'
    )
    parser.add_argument(
        '--cfg-options', nargs='+', action=KeyValues, help='key=value of the config'
    )
    ray = parser.add_argument_group('on a Ray cluster')
    ray.add_argument('--ray', action='store_true', help='share the parts among models on it')
    ray.add_argument('--concurrency', type=positive, help='models (as many as there is room for)')
    ray.add_argument('--num-cpus', type=positive_number, help='of each model (1)')
    ray.add_argument(
        '--num-gpus',
        type=number_from_zero,
        help='of each model (1 if the cluster has GPUs; 0 is on CPUs)',
    )
    return parser.parse_args(split_name(sys.argv[1:] if argv is None else argv))


def positive_number(text: str) -> float:
    """A number above 0.

    Raises:
        ValueError: it is none.
    """
    if not 0 < float(text) < float('inf'):
        raise ValueError(text)
    return float(text)


def number_from_zero(text: str) -> float:
    """A number that is 0 or more.

    Raises:
        ValueError: it is none.
    """
    return 0.0 if float(text) == 0 else positive_number(text)


def check_options(args: argparse.Namespace) -> None:
    """Check that the options are of the form that is used.

    Raises:
        InputError: one is of the other.
    """
    on_ray, alone = ('concurrency', 'num_cpus', 'num_gpus'), ('shard', 'device')
    wrong = [name for name in (alone if args.ray else on_ray) if getattr(args, name) is not None]
    if wrong:
        option = f'--{wrong[0].replace("_", "-")}'
        raise InputError(
            f'{option} is for calls {"without" if args.ray else "with"} --ray; leave one out'
        )


def parse_shard(text: str) -> tuple[int, int]:
    """Number of a shard and how many there are.

    Raises:
        InputError: it is something else.
    """
    match = re.fullmatch(r'(\d+)/(\d+)', text)
    if match is None or not int(match[1]) < int(match[2]):
        raise InputError(f'--shard {text}: give I/N with I from 0 to N - 1, for example 0/4')
    return int(match[1]), int(match[2])


def finish_shard(args: argparse.Namespace, predictor: dict) -> tuple[str, Iterator[Done]]:
    """Folder of a shard, and its parts as they are finished."""
    args.shard = args.shard or '0/1'
    shard, num_shards = parse_shard(args.shard)
    images = list(itertools.islice(list_images(args.images), shard, None, num_shards))
    folder = f'{args.out}/shard-{shard}-of-{num_shards}'
    ensure_writable_dir(folder, '--out')
    if args.format == 'parquet':
        pyarrow_parquet()  # tells, before anything is computed, that it is not there
    predict = Predictor(**predictor, amp=args.amp, device=args.device)
    job = describe(args, predict, images)
    if not is_begun(job, folder):
        begin(job, folder)

    def finish() -> Iterator[Done]:
        bar = tqdm(desc=f'shard {args.shard}', total=len(images), unit='img')
        for number, first in enumerate(range(0, len(images), args.part)):
            paths = images[first : first + args.part]
            name = f'{folder}/part-{number:06d}.{args.format}'
            yield finish_part(lambda paths: counted(predict(paths), bar), paths, name)
            bar.update(first + len(paths) - bar.n)
        bar.close()

    return folder, finish()


def describe(args: argparse.Namespace, predictor: Predictor, images: Iterable[str]) -> dict:
    """What the parts depend on."""
    facts = dict(amp=args.amp, part=args.part, format=args.format)
    return predictor.job | facts | dict(images=fingerprint(images))


def counted(records: Iterable[dict], bar: tqdm) -> Iterator[dict]:
    """Records, while a bar counts them."""
    for record in records:
        yield record
        bar.update()


def finish_on_ray(args: argparse.Namespace, predictor: dict) -> tuple[str, Iterator[Done]]:
    """Folder of the parts, and these as models on a cluster finish them.

    Raises:
        InputError: Ray is not installed.
    """
    try:
        from ..apis import ray_cluster as cluster
    except ImportError as error:
        raise InputError(
            f'--ray needs Ray ({error}); pip install "directpose[ray]", on all machines'
        ) from error
    ensure_writable_dir(args.out, '--out')
    check = Predictor(**predictor, device='cpu')  # tells what is wrong with the weights
    # Other machines, and others' processes here, have other working directories.
    paths = (p if is_remote(p) else os.path.abspath(p) for p in list_images(args.images))
    with cluster.written_list(paths, args.out, args.part) as written:
        total = cluster.open_list(written).metadata.num_rows
        job = describe(args, check, cluster.paths_of(written))
        if not is_begun(job, args.out):
            cluster.use_list(written, args.out)
            begin(job, args.out)

    def finish() -> Iterator[Done]:
        bar = tqdm(desc='on Ray', total=total, unit='img')
        pool = (args.concurrency, args.num_cpus or 1, args.num_gpus)
        settings = dict(predictor, amp=args.amp)
        for done in cluster.predict_on_ray(settings, args.out, args.format, *pool):
            yield done
            bar.update(done.images)
        bar.close()

    return args.out, finish()


@exit_on_input_error
def main(argv=None):
    args = parse_args(argv)
    check_options(args)
    args.out = args.out if is_remote(args.out) else os.path.abspath(args.out)
    predictor = dict(
        config=os.path.abspath(args.config),
        checkpoint=os.path.abspath(local_weights(args.checkpoint)),
        options=args.cfg_options,
        score_thr=args.score_thr,
        batch=args.batch,
        workers=args.workers,
    )
    folder, parts = (finish_on_ray if args.ray else finish_shard)(args, predictor)
    parts = list(parts)
    images = sum(part.images for part in parts)
    errors = [error for part in parts for error in part.errors]
    print(f'{images} images in {len(parts)} parts are in {folder}{os.sep}')
    if errors:
        print(
            f'{len(errors)} of {images} images could not be read, the first: {errors[0]}',
            file=sys.stderr,
        )
        sys.exit(INCOMPLETE)
