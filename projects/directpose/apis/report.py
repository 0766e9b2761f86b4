"""The analysis of results as one HTML file."""

import base64
import io
import os.path as osp

import cv2
import jinja2
import matplotlib
import numpy as np
from markupsafe import Markup
from mmengine.structures import InstanceData
from mmpose.structures import PoseDataSample

from ..evaluation.error_types import ERRORS
from ..evaluation.matching import Matching
from ..utils.images import image_problem
from ..version import __version__
from .visualization import PeopleVisualizer, draw_in_colors, person_color

matplotlib.use('agg')
from matplotlib import pyplot as plt

KIND_COLORS = ('#2c9c5a', '#f2c230', '#ef8a2c', '#d6404e', '#9aa3ad')
LONG_SIDE = 560  # of a picture, in pixels
ALONE = (255, 255, 255)
REPAIRED = dict(
    keypoints='all keypoints',
    score='score',
    doubled='doubled people',
    background='background',
    missed='missed people',
)


def render_report(
    numbers: dict, shown: Matching, truth: dict, skeleton: dict, image_dir: str, **facts
) -> str:
    """The HTML file, without anything outside of it.

    Args:
        numbers, shown: see :func:`~directpose.evaluation.analysis.analyse`.
        truth: content of the annotation file.
        skeleton: parsed metainfo.
        image_dir: folder of the photos; what is not there is drawn on grey.
        facts: ``results`` and ``ann_file``, names of the files, ``pictures``, how many of the worst
            images are drawn, and ``progress``, which wraps these.
    """
    pages = jinja2.Environment(
        loader=jinja2.FileSystemLoader(osp.dirname(__file__)), autoescape=True
    )
    count, progress = facts.pop('pictures'), facts.pop('progress')
    worst = progress(numbers['worst_images'][:count])
    pictures = [draw_image(entry, shown, truth, skeleton, image_dir) for entry in worst]
    return pages.get_template('report.html.j2').render(
        **facts,
        version=__version__,
        images=len(truth['images']),
        ap=number(numbers['metrics']['AP']),
        sentences=summarise(numbers),
        plots=draw_plots(numbers),
        tables=make_tables(numbers),
        score_thr=numbers['people']['score_thr'],
        pictures=pictures,
        with_photos=any(picture['photo'] for picture in pictures),
    )


def number(value: float | None) -> str:
    """With three digits; a dash where there is none."""
    return '–' if value is None or value < 0 else f'{value:.3f}'


def percent(part: float, whole: float) -> str:
    """A share in percent."""
    return f'{100 * part / whole:.0f} %' if whole else 'none'


def html_table(titles: list, rows: list[list]) -> Markup:
    """A table; the first column names the rows."""
    head = Markup('').join(Markup('<th scope="col">{}</th>').format(title) for title in titles)
    lines = [
        Markup('').join(
            Markup('<th scope="row">{}</th>' if k == 0 else '<td>{}</td>').format(cell)
            for k, cell in enumerate(row)
        )
        for row in rows
    ]
    body = Markup('').join(Markup('<tr>{}</tr>').format(line) for line in lines)
    return Markup('<table><thead><tr>{}</tr></thead><tbody>{}</tbody></table>').format(head, body)


def make_tables(numbers: dict) -> dict[str, Markup]:
    """The tables, by their names."""
    people, metrics = numbers['people'], numbers['metrics']
    columns = ('labelled', 'found', 'missed', 'doubled', 'background', 'ignored')
    rows = {'all predictions': people, f'above a score of {people["score_thr"]}': people['shown']}
    return dict(
        metrics=html_table(['', *metrics], [['of the results', *map(number, metrics.values())]]),
        groups=html_table(['', 'people', 'found', 'mean OKS', *ERRORS], group_rows(numbers)),
        people=html_table(
            ['', *columns], [[name, *(row[c] for c in columns)] for name, row in rows.items()]
        ),
    )


def group_rows(numbers: dict) -> list[list]:
    """Rows of the table of sizes and neighbours."""
    rows = []
    for title, groups in (('', numbers['by_size']), ('neighbours: ', numbers['by_neighbours'])):
        for name, group in groups.items():
            total = sum(group['keypoints'].values())
            shares = [percent(count, total) for count in group['keypoints'].values()]
            found = percent(group['found'], group['labelled'])
            rows.append([title + name, group['labelled'], found, number(group['oks']), *shares])
    return rows


def summarise(numbers: dict) -> list[str]:
    """What the numbers say, in sentences."""
    people, ap = numbers['people'], numbers['metrics']['AP']
    lines = [
        f'Of {people["labelled"]} labelled people, {people["found"]} are found and '
        f'{people["missed"]} are missed.'
    ]
    total = sum(numbers['keypoints'].values())
    if total:
        shares = {kind: percent(n, total) for kind, n in numbers['keypoints'].items()}
        lines.append(
            f'{shares["good"]} of the labelled keypoints of found people are good, '
            f'{shares["jitter"]} are a little off, {shares["inversion"]} are another keypoint of '
            f'the same person, {shares["swap"]} are somebody else’s, and {shares["miss"]} are '
            'nowhere near.'
        )
        wrong = {
            name: 1 - kinds['good'] / max(sum(kinds.values()), 1)
            for name, kinds in numbers['by_keypoint'].items()
        }
        worst = sorted(wrong, key=lambda name: -wrong[name])[:3]
        listed = ', '.join(f'{name} ({percent(wrong[name], 1)})' for name in worst)
        lines.append(f'Least often good: {listed} are not.')
    gains = {name: value - ap for name, value in numbers['oracles'].items() if name != 'keypoints'}
    best = max(gains, key=lambda name: gains[name])
    if gains[best] > 0:
        lines.append(
            f'The costliest kind of error is {REPAIRED.get(best, best)}: fixed, the AP would be '
            f'{number(ap + gains[best])} instead of {number(ap)}.'
        )
    shown = people['shown']
    lines.append(
        f'Above a score of {people["score_thr"]}, {shown["found"]} people are found, '
        f'{shown["doubled"]} are doubled and {shown["background"]} are no people.'
    )
    if numbers['calibration']:
        lines.append(
            'The confidence of a keypoint is off by '
            f'{number(numbers["calibration"]["error"])} on average.'
        )
    return lines


def draw_plots(numbers: dict) -> dict[str, Markup]:
    """The plots as SVG, by their names."""
    plots = dict(oracles=draw_oracles(numbers), keypoints=draw_kinds(numbers['by_keypoint']))
    if numbers['calibration']:
        plots['calibration'] = draw_calibration(numbers['calibration'])
    return plots


def draw_oracles(numbers: dict) -> Markup:
    """What AP each repair would give."""
    ap, repaired = numbers['metrics']['AP'], numbers['oracles']
    names = [REPAIRED.get(name, name) for name in repaired]
    figure, axes = plt.subplots(figsize=(8, 0.36 * len(names) + 0.9), layout='constrained')
    gains = [max(value - ap, 0) for value in repaired.values()]
    axes.barh(names, [ap] * len(names), color='#c9d3df')
    axes.barh(names, gains, left=ap, color='#2f7fc1')
    for row, value in enumerate(repaired.values()):
        axes.text(max(value, ap) + 0.005, row, f'{value:.3f} ({value - ap:+.3f})', va='center')
    axes.axvline(ap, color='#1c2430', linewidth=1)
    axes.set(xlabel=f'AP (now {ap:.3f})', xlim=(0, 1.16))
    axes.spines[['top', 'right']].set_visible(False)
    axes.set_xticks(np.linspace(0, 1, 6))
    axes.invert_yaxis()
    return as_svg(figure)


def draw_kinds(by_keypoint: dict) -> Markup:
    """Shares of the kinds of errors of each keypoint."""
    counts = np.array([list(kinds.values()) for kinds in by_keypoint.values()], float)
    shares = counts / counts.sum(1, keepdims=True).clip(1)
    figure, axes = plt.subplots(figsize=(8, 0.3 * len(shares) + 1), layout='constrained')
    starts = shares.cumsum(1) - shares
    for kind, color, start, width in zip(ERRORS, KIND_COLORS, starts.T, shares.T, strict=True):
        axes.barh(list(by_keypoint), width, left=start, color=color, label=kind)
    axes.set(xlabel='share of labelled keypoints', xlim=(0, 1))
    axes.invert_yaxis()
    figure.legend(ncols=len(ERRORS), loc='outside upper center', frameon=False)
    return as_svg(figure)


def draw_calibration(measured: dict) -> Markup:
    """How often keypoints are found, over their confidence."""
    bins = [(b['confidence'], b['found']) for b in measured['bins']]
    figure, axes = plt.subplots(figsize=(4.6, 4), layout='constrained')
    axes.plot([0, 1], [0, 1], color='#9aa3ad', linestyle=':')
    axes.plot(*zip(*bins, strict=True), marker='o', color='#2f7fc1')
    axes.set(xlabel='confidence', ylabel='share found', xlim=(0, 1.03), ylim=(0, 1.03))
    axes.grid(alpha=0.3)
    return as_svg(figure)


def as_svg(figure: plt.Figure) -> Markup:
    """A figure as an element of a page."""
    content = io.StringIO()
    figure.savefig(content, format='svg', metadata=dict(Date=None))
    plt.close(figure)
    text = content.getvalue()
    return Markup(text[text.index('<svg') :])


def draw_image(entry: dict, shown: Matching, truth: dict, skeleton: dict, image_dir: str) -> dict:
    """One of the worst images: its name, what is wrong, and the picture."""
    record = next(i for i in truth['images'] if i['id'] == entry['image_id'])
    photo = read_photo(osp.join(image_dir, record['file_name'])) if image_dir else None
    grey = np.full((int(record['height']), int(record['width']), 3), 70, np.uint8)
    image = grey if photo is None else photo
    here = Matching(*(of_image(part, record['id']) for part in shown))
    scale = LONG_SIDE / max(image.shape[:2])
    size = tuple(max(1, round(side * scale)) for side in image.shape[1::-1])
    image = cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    colors = [person_color(k) for k in range(len(here.matches))]
    pairs = [(m.person, m.result, c) for m, c in zip(here.matches, colors, strict=True)]
    sides = (
        [(person, color) for person, _, color in pairs] + [(p, ALONE) for p in here.missed],
        [(result, color) for _, result, color in pairs]
        + [(r, ALONE) for r in (*here.doubled, *here.background)],
    )
    panels = [draw_people(image, side, skeleton, scale) for side in sides]
    gap = np.full((image.shape[0], 6, 3), 255, np.uint8)
    picture = np.hstack([panels[0], gap, panels[1]])
    content = cv2.imencode('.jpg', picture, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()
    oks = ', '.join(f'{match.oks:.2f}' for match in here.matches)
    parts = [
        f'OKS {oks}' if oks else '',
        *(
            f'{len(getattr(here, kind))} {kind}'
            for kind in ('missed', 'doubled', 'background')
            if getattr(here, kind)
        ),
    ]
    return dict(
        name=record['file_name'],
        what='; '.join(filter(None, parts)) + '.',
        jpeg=base64.b64encode(content).decode(),
        photo=photo is not None,
    )


def of_image(records: list, image_id: int) -> list:
    """Those of one image, matches or records."""
    return [r for r in records if (r.person if hasattr(r, 'person') else r)['image_id'] == image_id]


def read_photo(path: str) -> np.ndarray | None:
    """A photo (H, W, 3), BGR, or None where there is none."""
    return None if not osp.exists(path) or image_problem(path) else cv2.imread(path)


def draw_people(image: np.ndarray, people: list[tuple], skeleton: dict, scale: float) -> np.ndarray:
    """Records in their colours on an image (H, W, 3), BGR, that is scaled already."""
    visualizer = PeopleVisualizer(radius=2, line_width=1, text_color=None, score_thr=-1e9)
    visualizer.set_dataset_meta(skeleton, skeleton_style='mmpose')
    if not people:
        return image
    points = np.array([record['keypoints'] for record, _ in people], float)
    points = points.reshape(len(people), -1, 3)
    xy = (points[..., :2] * scale).clip(-1e6, 1e6)  # OpenCV takes 32 bits
    sample = PoseDataSample()
    sample.pred_instances = InstanceData(
        keypoints=xy,
        keypoint_scores=(points[..., 2] > 0).astype(float),
        bboxes=np.concatenate([xy.min(1), xy.max(1)], 1),
        bbox_scores=np.ones(len(people)),
    )
    colors = [color for _, color in people]
    drawn = draw_in_colors(visualizer, image[..., ::-1].copy(), sample, 0.5, colors)
    return np.ascontiguousarray(drawn[..., ::-1])
