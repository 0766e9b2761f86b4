"""tools/dev/compare_pictures.py: one row for each image, one column for each model."""

import json

import cv2
import numpy as np
from helpers.commands import call


def test_truth_beside_predictions(synthetic_set, tmp_path):
    truth = json.loads((synthetic_set / 'annotations/val.json').read_text())
    right = [{**a, 'score': 0.9} for a in truth['annotations']]
    unsure = [{**r, 'score': 0.1} for r in right]
    for name, results in dict(right=right, unsure=unsure).items():
        (tmp_path / f'{name}.json').write_text(json.dumps(results))
    done = call(
        *('dev/compare_pictures', '--ann-file', synthetic_set / 'annotations/val.json'),
        *('--images', synthetic_set / 'images', '--out', tmp_path / 'sheet.png', '--count', 2),
        *('--results', *(f'{n}={tmp_path / n}.json' for n in ('right', 'unsure'))),
    )
    assert done.returncode == 0, done.stderr
    sheet = cv2.imread(str(tmp_path / 'sheet.png'))
    image = cv2.imread(str(synthetic_set / 'images' / truth['images'][0]['file_name']))
    height, width = image.shape[:2]
    assert any(0 in a['keypoints'][2::3] for a in truth['annotations'][:2])
    assert np.array_equal(sheet[24:27, :3], image[:3, :3])  # no dot for what has no label
    column = sheet.shape[1] // 3
    first, second, third = (
        sheet[24 : 24 + height, n * column : n * column + width] for n in range(3)
    )
    assert np.array_equal(first, second)  # every keypoint where it is
    assert not np.array_equal(first, image)
    assert np.array_equal(third, image)  # nobody scores above 0.3


def test_a_folder_without_the_images(synthetic_set, tmp_path):
    (tmp_path / 'none.json').write_text('[]')
    done = call(
        *('dev/compare_pictures', '--ann-file', synthetic_set / 'annotations/val.json'),
        *('--images', tmp_path, '--results', f'none={tmp_path}/none.json'),
        *('--out', tmp_path / 'sheet.png'),
    )
    assert 'cannot be read' in done.stderr and not (tmp_path / 'sheet.png').exists()
