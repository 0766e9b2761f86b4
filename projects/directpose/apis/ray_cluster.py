"""Finding people in many images on a Ray cluster.

Ray Data hands out the numbers of parts to a pool of models, and again what a lost worker had begun.
A model looks up the paths in a list that all machines see, and writes the part, whole or not at
all: so each image is in the output once, however often something is killed. Ray Data's own
checkpoints would take a core and a GiB of each machine from the models.
"""

import contextlib
import itertools
import logging
import uuid
from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa
import ray
import ray.data
from pyarrow import parquet

from ..utils.errors import InputError
from ..utils.storage import exists, filesystem_of
from .parts import Done, finish_part
from .predictor import Predictor

LIST = 'images.parquet'
RETRIES = 3  # of a part whose worker dies: a lost machine, and not what always kills it


class PartPredictor:
    """A model of the pool.

    Args:
        folder: of the parts and their list.
        suffix: of a part's name.
        predictor: arguments of :class:`Predictor`.
    """

    def __init__(self, folder: str, suffix: str, predictor: dict[str, Any]) -> None:
        self.folder = folder
        self.suffix = suffix
        self.problem = ''
        try:
            self.predictor = Predictor(**predictor)
            self.parts = open_list(f'{folder}/{LIST}')
        except (InputError, OSError) as error:  # Ray would start such a model again and again
            self.problem = f'a machine of the cluster cannot begin: {error}'

    def __call__(self, batch: dict[str, Any]) -> dict[str, list]:
        """Finish the parts of a batch of numbers; ``problem`` is what stops one, or empty."""
        rows = [self._finish(int(number)) for number in batch['item']]
        return {name: [row[name] for row in rows] for name in rows[0]}

    def _finish(self, number: int) -> dict[str, Any]:
        if self.problem:
            return dict(images=0, errors=[], problem=self.problem)
        name = f'{self.folder}/part-{number:06d}.{self.suffix}'
        try:
            paths = self.parts.read_row_group(number)['image'].to_pylist()
            return dict(finish_part(self.predictor, paths, name)._asdict(), problem='')
        except (InputError, OSError) as error:  # Ray would tell it with two tracebacks
            return dict(images=0, errors=[], problem=str(error))


@contextlib.contextmanager
def written_list(images: Iterable[str], folder: str, part: int) -> Iterator[str]:
    """Paths, written to where all machines see them, those of a part together.

    In the end the list is removed, unless :func:`use_list` has made it that of the folder.

    Yields:
        Name of the list.

    Raises:
        InputError: a path is not UTF-8.
    """
    schema = pa.schema(dict(image=pa.string()))
    written = f'{folder}/{uuid.uuid4().hex}.{LIST}'
    filesystem, name = filesystem_of(written)
    images = iter(images)
    try:
        with parquet.ParquetWriter(name, schema, filesystem=filesystem) as file:
            while paths := list(itertools.islice(images, part)):
                try:
                    file.write_table(pa.table([paths], schema), row_group_size=part)
                except UnicodeEncodeError as error:
                    raise InputError(f'{error.object!r} is not UTF-8; rename the image') from error
        yield written
    finally:
        if exists(written):
            filesystem.delete_file(name)


def use_list(written: str, folder: str) -> None:
    """Make a list that of a folder."""
    filesystem, name = filesystem_of(written)
    filesystem.move(name, filesystem_of(f'{folder}/{LIST}')[1])


def open_list(path: str) -> parquet.ParquetFile:
    """A list of :func:`written_list`: a row group for each part."""
    filesystem, name = filesystem_of(path)
    return parquet.ParquetFile(name, filesystem=filesystem)


def paths_of(path: str) -> Iterator[str]:
    """The paths of a list."""
    for batch in open_list(path).iter_batches():
        yield from batch.column(0).to_pylist()


def predict_on_ray(
    predictor: dict[str, Any],
    folder: str,
    suffix: str,
    concurrency: int | None,
    num_cpus: float,
    num_gpus: float | None,
) -> Iterator[Done]:
    """Finish the parts of a list, in any order.

    The cluster is that of ``RAY_ADDRESS``, or one that runs on this machine; else it becomes one.

    Args:
        predictor: arguments of :class:`Predictor` but for the device; all machines see its files.
        folder: with a list by :func:`use_list`; all machines see it.
        suffix: of the parts, ``jsonl`` or ``parquet``.
        concurrency: models; as many as there is room for now if None.
        num_cpus, num_gpus: that each model takes; one GPU if the cluster has some if None.

    Raises:
        InputError: there is no room for a model, or what :func:`finish_part` raises.
    """
    try:
        ray.init(log_to_driver=False, logging_level=logging.WARNING)
    except (ConnectionError, ValueError) as error:
        reason = str(error).split('\n')[0]
        raise InputError(f'no Ray cluster can be used ({reason}); check RAY_ADDRESS') from error
    logging.getLogger('ray.data').setLevel(logging.ERROR)  # it tells that it shows no bar
    try:
        if num_gpus is None:
            num_gpus = min(1, ray.cluster_resources().get('GPU', 0))
        if concurrency is None:
            concurrency = room_for(dict(CPU=num_cpus, GPU=num_gpus))
        predictor = dict(predictor, device='cuda:0' if num_gpus else 'cpu')
        ray.data.DataContext.get_current().enable_progress_bars = False
        numbers = list(range(open_list(f'{folder}/{LIST}').num_row_groups))
        done = ray.data.from_items(numbers, override_num_blocks=len(numbers)).map_batches(
            PartPredictor,
            fn_constructor_args=(folder, suffix, predictor),
            batch_size=1,
            compute=ray.data.ActorPoolStrategy(size=min(concurrency, len(numbers))),
            num_cpus=num_cpus,
            num_gpus=num_gpus,
            max_task_retries=RETRIES,
        )
        for row in done.iter_rows():
            if row['problem']:
                raise InputError(row['problem'])
            yield Done(row['images'], list(row['errors']))
    except ray.exceptions.RayError as error:
        reason = str(error).strip().split('\n')[-1]
        raise InputError(
            f'a model of the cluster ended {RETRIES + 1} times or could not start ({reason}); look '
            'at the memory of its machine, and call again'
        ) from error
    finally:
        ray.shutdown()  # the models, or the cluster if it is this machine's


def room_for(needed: dict[str, float]) -> int:
    """How many times the machines of the cluster have what is needed.

    Raises:
        InputError: none has it.
    """
    needed = {name: amount for name, amount in needed.items() if amount}
    machines = [node['Resources'] for node in ray.nodes() if node['Alive']]
    room = sum(
        int(min(machine.get(name, 0) / amount for name, amount in needed.items()))
        for machine in machines
    )
    if not room:
        wanted = ' and '.join(f'{amount:g} {name}' for name, amount in needed.items())
        raise InputError(
            f'no machine of the cluster has {wanted}; give fewer as --num-cpus and --num-gpus'
        )
    return room
