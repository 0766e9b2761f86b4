"""Labels of Label Studio: its JSON export of key points and rectangles."""

import os.path as osp
import re
import urllib.parse
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from ...utils.errors import InputError
from ...utils.images import IMAGE_SUFFIXES
from ...utils.io import read_json
from .records import (
    MALFORMED,
    Labels,
    Person,
    Picture,
    Problem,
    in_image,
    in_order,
    make_skeleton,
    size_of,
)

UPLOAD = re.compile(r'^[0-9a-f]{8}-')  # what Label Studio puts before the name of an uploaded file


def read_label_studio(source: str, images: str | None, progress: Callable) -> Labels:
    """Read a JSON export.

    Key points belong to the rectangle that is their parent, or to which a relation leads; where an
    image has at most one rectangle, to that. One whose note is ``occluded`` is hidden.

    Args:
        source: the file.
        images: folder of the images, by default that of the file.
        progress: wraps the tasks.

    Raises:
        InputError: it cannot be read.
    """
    tasks = read_json(source)
    if not isinstance(tasks, list) or not all(
        isinstance(task, dict) and 'data' in task for task in tasks
    ):
        raise InputError(
            f'{source} is no JSON export of Label Studio (JSON-MIN and COCO are others)'
        )
    folder, pictures, problems = images or osp.dirname(osp.abspath(source)), [], []
    for number, task in enumerate(progress(tasks)):
        where = f'{source}: task {task.get("id", number)}'
        try:
            picture, wrong = read_task(task, folder)
        except ValueError as error:
            problems.append(Problem(where, str(error)))
            continue
        except MALFORMED as error:
            what = f'is not as Label Studio writes it ({error!r})'
            problems.append(Problem(where, what))
            continue
        pictures.append(picture)
        problems += [Problem(where, what) for what in wrong]
    people = [person for picture in pictures for person in picture.people]
    classes = list(dict.fromkeys(person.label for person in people)) or ['person']
    names = in_order(name for person in people for name in person.points)
    return Labels(make_skeleton(names), classes, pictures, problems, folder)


def read_task(task: dict, folder: str) -> tuple[Picture, list[str]]:
    """The picture of a task, and what is wrong in it.

    Raises:
        ValueError: it has no image, or no size.
    """
    file = find_image(task['data'], folder)
    done = [a for a in task.get('annotations') or [] if not a.get('was_cancelled')]
    results = done[0].get('result', []) if done else []
    stated = next(
        ((r['original_width'], r['original_height']) for r in results if r.get('original_width')),
        None,
    )
    size = size_of(file, stated)
    boxes, points, parents, problems = {}, [], {}, []
    for result in results:
        kind, value = result.get('type'), result.get('value', {})
        if kind in ('rectanglelabels', 'keypointlabels') and not value.get(kind):
            problems.append(f'a {kind.removesuffix("labels")} has no label')
        elif kind == 'rectanglelabels':
            boxes[result['id']] = value['rectanglelabels'][0], read_box(value, size)
        elif kind == 'keypointlabels':
            points.append(result)
            parents[result['id']] = result.get('parentID')
        elif kind == 'relation':
            parents[result['from_id']] = result['to_id']
    only = next(iter(boxes)) if len(boxes) == 1 else None
    groups: dict = defaultdict(dict)
    for result in points:
        name, value = result['value']['keypointlabels'][0], result['value']
        parent = parents[result['id']] or only
        place = value['x'] / 100 * size[0], value['y'] / 100 * size[1]
        if len(boxes) > 1 and parent not in boxes:
            problems.append(f'{name} belongs to none of {len(boxes)} rectangles')
        elif not in_image(place, size):
            problems.append(
                f'{name} is at {value["x"]:g} %, {value["y"]:g} %, outside of the image'
            )
        elif name in groups[parent]:
            problems.append(f'there are two {name} of the same person')
        else:
            groups[parent][name] = (*place, 1 if is_occluded(result) else 2)
    people = [Person(label, groups.pop(key, {}), box) for key, (label, box) in boxes.items()]
    people += [Person('person', found, None) for found in groups.values() if found]
    return Picture(osp.relpath(file, folder), size, people), problems


def find_image(data: dict, folder: str) -> str:
    """Path of the image of a task; uploads have a longer name there than here."""
    values = [written_path(value) for value in data.values() if isinstance(value, str)]
    written = next((v for v in values if Path(v).suffix.lower() in IMAGE_SUFFIXES), None)
    if written is None:
        raise ValueError('has no image')
    path = urllib.parse.unquote(written)
    name = osp.basename(path)
    names = (path.lstrip('/'), name, UPLOAD.sub('', name), osp.basename(written))
    found = [path for path in map(Path(folder).joinpath, names) if path.exists()]
    return str(found[0] if found else Path(folder, name))


def written_path(value: str) -> str:
    """The path in a URL, or of a local file: ``/data/local-files/?d=PATH``."""
    path, _, query = value.partition('?')
    return query.removeprefix('d=').partition('&')[0] if query.startswith('d=') else path


def read_box(value: dict, size: tuple[int, int]) -> tuple[float, float, float, float]:
    """x, y, width, height in pixels, from percent."""
    sides = (*size, *size)
    x, y, width, height = (
        value[name] / 100 * side
        for name, side in zip(('x', 'y', 'width', 'height'), sides, strict=True)
    )
    return x, y, width, height


def is_occluded(result: dict) -> bool:
    """Whether the note of a region says so."""
    notes = (result.get('meta') or {}).get('text') or []
    return any('occluded' in str(note).lower() for note in notes)
