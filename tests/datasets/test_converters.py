"""Labels of other programs: files as these programs write them, and back."""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from directpose.cli.to_coco import main
from directpose.datasets.categories import other_side
from directpose.datasets.converters.label_studio import find_image
from directpose.datasets.converters.records import image_size
from directpose.datasets.metainfo import parse_metainfo
from directpose.utils.config import read_config
from directpose.utils.images import image_problem
from directpose.validation.coco_json import check_annotations
from directpose.validation.config import check_config
from PIL import Image

NAMES = ['left_end', 'right_end', 'top']
POINTS = {'left_end': (20.0, 30.0, 2), 'right_end': (60.5, 30.0, 1)}  # the top is not labelled
BOX = (10.0, 20.0, 70.0, 40.0)
SIZE = (120, 80)  # (w, h)


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / 'images'
    folder.mkdir()
    for name in ('a.jpg', 'b.jpg'):
        cv2.imwrite(str(folder / name), np.zeros((*SIZE[::-1], 3), np.uint8))
    return folder


def write_yolo(folder, images, extra=''):
    """The first image has somebody, the second nobody: it has no label file."""
    facts = dict(
        path='.',
        train='images',
        kpt_shape=[3, 3],
        flip_idx=[1, 0, 2],
        names={0: 'bar', 1: 'rod'},
        kpt_names={0: NAMES},
    )
    (folder / 'data.yaml').write_text(yaml.safe_dump(facts))
    (folder / 'labels').mkdir()
    x, y, w, h = BOX
    numbers = [1, (x + w / 2) / 120, (y + h / 2) / 80, w / 120, h / 80]
    for name in NAMES:
        px, py, v = POINTS.get(name, (0, 0, 0))
        numbers += [px / 120, py / 80, v]
    (folder / 'labels/a.txt').write_text(' '.join(map(str, numbers)) + '\n' + extra)
    return folder / 'data.yaml'


def labelme_shape(label, points, kind='point', group=1, **fields):
    shape = dict(label=label, points=points, group_id=group, shape_type=kind)
    return shape | dict(description='', flags={}, mask=None) | fields


def write_labelme(folder, images, *more):
    x, y, w, h = BOX
    shapes = [labelme_shape('rod', [[x, y], [x + w, y + h]], 'rectangle')]
    for name, (px, py, v) in POINTS.items():
        shapes.append(labelme_shape(name, [[px, py]], flags=dict(occluded=v == 1)))
    for name, content in (('a', [*shapes, *more]), ('b', [])):
        record = dict(version='5.5.0', flags={}, shapes=content, imagePath=f'images/{name}.jpg')
        record |= dict(imageData=None, imageHeight=SIZE[1], imageWidth=SIZE[0])
        (folder / f'{name}.json').write_text(json.dumps(record))
    return folder


CVAT = """<?xml version="1.0" encoding="utf-8"?>
<annotations><version>1.1</version><meta><job><labels>
<label><name>rod</name><type>skeleton</type>
<svg>&lt;line data-node-from="1" data-node-to="2"&gt;&lt;/line&gt;
&lt;circle data-node-id="1" data-label-name="left_end"&gt;
&lt;circle data-node-id="2" data-label-name="right_end"&gt;</svg></label>
<label><name>left_end</name><type>points</type><parent>rod</parent></label>
<label><name>right_end</name><type>points</type><parent>rod</parent></label>
<label><name>top</name><type>points</type><parent>rod</parent></label>
</labels></job></meta>
<image id="0" name="a.jpg" width="120" height="80">
<box label="rod" xtl="10.00" ytl="20.00" xbr="80.00" ybr="60.00" group_id="4"/>
<skeleton label="rod" source="manual" z_order="0" group_id="4">
<points label="left_end" outside="0" occluded="0" points="20.00,30.00"></points>
<points label="right_end" outside="0" occluded="1" points="60.50,30.00"></points>
<points label="top" outside="1" occluded="0" points="0.00,0.00"></points>{more}
</skeleton></image>
<image id="1" name="b.jpg" width="120" height="80"></image></annotations>"""


def write_cvat(folder, images, more=''):
    (folder / 'annotations.xml').write_text(CVAT.replace('{more}', more))
    return folder / 'annotations.xml'


def write_label_studio(folder, images, *more):
    common = dict(original_width=120, original_height=80, image_rotation=0, to_name='image')
    x, y, w, h = BOX
    box = dict(x=x / 1.2, y=y / 0.8, width=w / 1.2, height=h / 0.8, rotation=0)
    results = [
        common | dict(id='b', type='rectanglelabels', value=box | dict(rectanglelabels=['rod']))
    ]
    for name, (px, py, v) in POINTS.items():
        value = dict(x=px / 1.2, y=py / 0.8, width=0.5, keypointlabels=[name])
        point = common | dict(id=name, type='keypointlabels', parentID='b', value=value)
        results.append(point | (dict(meta=dict(text=['occluded'])) if v == 1 else {}))
    tasks = [
        dict(
            id=7,
            data=dict(image='/data/upload/1/0123abcd-a.jpg'),
            annotations=[dict(result=[*results, *more])],
        ),
        dict(id=8, data=dict(image='/data/upload/1/0123abcd-b.jpg'), annotations=[]),
    ]
    (images / 'export.json').write_text(json.dumps(tasks))
    return images / 'export.json'


WRITERS = {
    'yolo-pose': write_yolo,
    'labelme': write_labelme,
    'cvat': write_cvat,
    'label-studio': write_label_studio,
}


@pytest.mark.parametrize('kind', list(WRITERS))
def test_what_each_program_writes(kind, images, tmp_path):
    source, out = WRITERS[kind](tmp_path, images), tmp_path / 'out/labels.json'
    main([kind, str(source), '--out', str(out), '--metainfo', str(tmp_path / 'out/skeleton.py')])
    coco = json.loads(out.read_text())
    assert sorted(i['file_name'].split('/')[-1] for i in coco['images']) == ['a.jpg', 'b.jpg']
    assert {(i['width'], i['height']) for i in coco['images']} == {SIZE}
    (person,) = coco['annotations']
    category = coco['categories'][person['category_id'] - 1]
    assert category['name'] == 'rod'
    points = dict(zip(category['keypoints'], np.reshape(person['keypoints'], (-1, 3)), strict=True))
    for name, point in POINTS.items():
        np.testing.assert_allclose(points.pop(name), point, atol=2e-3)
    assert all(not point.any() for point in points.values())
    np.testing.assert_allclose(person['bbox'], BOX, atol=2e-3)
    assert person['num_keypoints'] == 2 and person['area'] > 0
    skeleton = parse_metainfo(dict(from_file=str(tmp_path / 'out/skeleton.py')))
    assert skeleton['flip_indices'][:2] == [1, 0]
    if kind == 'cvat':
        assert skeleton['skeleton_links'] == [(0, 1)]
    check_annotations(str(out), skeleton, len(coco['categories']))


# Files that labelme 6.3.1, Label Studio 1.23.2 and Ultralytics 8.4.190 wrote themselves. In Label
# Studio seven keypoints were clicked on an image shown 759.15625 pixels wide, at the places they
# have on one of 755; three were moved into the box of their person in the list of regions, four
# were related to it.
CLICKED = 755 / 759.15625


@pytest.mark.parametrize(
    ('kind', 'file', 'count', 'scale', 'pixels'),
    [
        ('labelme', 'labelme.json', 32, 1, 0.01),
        # a click is to a whole pixel of the page, a third of one of the image
        ('label-studio', 'label_studio.json', 7, CLICKED, 0.4),
        ('yolo-pose', 'yolo_pose.txt', 32, 1, 0.01),
    ],
)
def test_what_the_programs_themselves_wrote(kind, file, count, scale, pixels, root, tmp_path):
    labels = root / 'tests/data/labels'
    truth = json.loads((labels / 'coco.json').read_text())
    names, size = truth['categories'][0]['keypoints'], (240, 288)
    for folder in ('images', 'labels'):
        (tmp_path / folder).mkdir()
    cv2.imwrite(str(tmp_path / 'images/003001.jpg'), np.zeros((*size[::-1], 3), np.uint8))
    source = shutil.copy(labels / file, tmp_path / f'labels/003001{Path(file).suffix}')
    if kind == 'yolo-pose':
        source = tmp_path / 'data.yaml'
        facts = dict(train='images', kpt_shape=[17, 3], names={0: 'person'}, kpt_names={0: names})
        source.write_text(yaml.safe_dump(facts))
    elif kind == 'labelme':
        source = tmp_path / 'labels'
    out = tmp_path / 'coco.json'
    main([kind, str(source), '--images', str(tmp_path / 'images'), '--out', str(out)])
    coco = json.loads(out.read_text())
    found = coco['categories'][0]['keypoints']
    compared = 0
    for person, expected in zip(coco['annotations'], truth['annotations'], strict=True):
        box = np.multiply(expected['bbox'], scale)
        np.testing.assert_allclose(person['bbox'], box, atol=pixels)
        keypoints = np.reshape(expected['keypoints'], (-1, 3))
        for name, point in zip(found, np.reshape(person['keypoints'], (-1, 3)), strict=True):
            if point[2]:
                place = keypoints[names.index(name)]
                np.testing.assert_allclose(point[:2], place[:2] * scale, atol=pixels)
                assert kind == 'label-studio' or point[2] == place[2]
                compared += 1
    assert compared == count


BROKEN = {
    'yolo-pose': ('0 0.5 0.5 0.1\n', 'a.txt:2: has 4 numbers, not the 14 of 3 keypoints'),
    'labelme': (
        labelme_shape('left_end', [[1, 1]]),
        'shape 3 is a second left_end of the same group',
    ),
    'cvat': (
        '<points label="left_end" outside="0" occluded="0" points="1,1"/>',
        'image 0 (a.jpg), skeleton: has two points left_end',
    ),
    'label-studio': (
        dict(
            id='z',
            type='keypointlabels',
            parentID='b',
            value=dict(x=300, y=1, keypointlabels=['top']),
        ),
        'task 7: top is at 300 %, 1 %, outside of the image',
    ),
}


@pytest.mark.parametrize('kind', list(WRITERS))
def test_broken_labels_are_listed_and_left_out_only_if_told(kind, images, tmp_path, capsys):
    more, words = BROKEN[kind]
    source, out = WRITERS[kind](tmp_path, images, more), tmp_path / 'labels.json'
    arguments = [kind, str(source), '--out', str(out)]
    with pytest.raises(SystemExit, match='1 labels cannot be used; fix them, or leave them out'):
        main(arguments)
    assert words in capsys.readouterr().err and not out.exists()
    with pytest.raises(SystemExit) as stop:
        main([*arguments, '--skip-broken'])
    assert stop.value.code == 3 and out.exists()
    assert '1 labels were left out' in capsys.readouterr().err


def label_studio_point(**value):
    return dict(id='z', type='keypointlabels', parentID='b', value=value)


@pytest.mark.parametrize(
    ('kind', 'more', 'words'),
    [
        ('yolo-pose', 'inf 0.5 0.5 0.1 0.1' + 9 * ' 0' + '\n', 'a.txt:2: has a number that is not'),
        ('yolo-pose', '0 nan 0.5 0.1 0.1' + 9 * ' 0' + '\n', 'a.txt:2: has a number that is not'),
        ('labelme', labelme_shape('top', [['x', 'y']]), 'a.json: is not as labelme writes it'),
        ('labelme', dict(shape_type='point', points=[[1, 1]]), "(KeyError('label'))"),
        ('cvat', '</skeleton><box label="rod"/><skeleton>', 'image 0 (a.jpg), box: has a box with'),
        (
            'label-studio',
            label_studio_point(y=1, keypointlabels=['top']),
            "task 7: is not as Label Studio writes it (KeyError('x'))",
        ),
        ('label-studio', label_studio_point(x=1, y=1), 'task 7: a keypoint has no label'),
    ],
)
def test_malformed_labels_are_listed(kind, more, words, images, tmp_path, capsys):
    source, out = WRITERS[kind](tmp_path, images, more), tmp_path / 'labels.json'
    with pytest.raises(SystemExit, match='1 labels cannot be used'):
        main([kind, str(source), '--out', str(out)])
    assert words in capsys.readouterr().err and not out.exists()


def test_names_of_images_in_label_studio(images):
    (images / 'sub').mkdir()
    for name in ('my photo.jpg', 'sub/b.jpg', 'a%20b.jpg'):
        (images / name).touch()
    served = '/data/local-files/?d='
    assert find_image(dict(image=f'{served}my%20photo.jpg'), images) == str(images / 'my photo.jpg')
    assert find_image(dict(image=f'{served}sub/b.jpg'), images) == str(images / 'sub/b.jpg')
    assert find_image(dict(image=f'{served}a%20b.jpg'), images) == str(images / 'a%20b.jpg')
    signed = 'https://bucket.example/some/a.jpg?X-Amz-Signature=abc'
    assert find_image(dict(caption='two, 50 % off', image=signed), images) == str(images / 'a.jpg')
    with pytest.raises(ValueError, match='has no image'):
        find_image(dict(caption='two people'), images)


@pytest.mark.parametrize('kind', ['jpg', 'png', 'webp', 'tif'])
def test_sizes_are_those_that_opencv_reads(kind, tmp_path):
    path, exif = str(tmp_path / f'turned.{kind}'), Image.Exif()
    exif[274] = 6  # a quarter turn
    Image.fromarray(np.zeros((30, 40, 3), np.uint8)).save(path, exif=exif)
    assert image_size(path) == cv2.imread(path).shape[1::-1]


def test_sizes_of_more_pixels_than_pillow_takes(images, monkeypatch):
    monkeypatch.setattr(Image, 'MAX_IMAGE_PIXELS', 100)
    assert image_size(str(images / 'a.jpg')) == SIZE
    with open(images / 'a.jpg', 'ab') as file:
        file.write(b'a film' * 1000)
    assert image_problem(str(images / 'a.jpg')) is None


def test_points_of_cvat_beside_a_skeleton(images, tmp_path, capsys):
    """They have no names, so nobody knows which keypoints of the skeleton they are."""
    loose = '</skeleton><points label="rod" points="1,1;2,2"/><skeleton label="rod">'
    source, out = write_cvat(tmp_path, images, loose), tmp_path / 'labels.json'
    with pytest.raises(SystemExit, match='1 labels cannot be used'):
        main(['cvat', str(source), '--out', str(out)])
    words = 'points: has keypoint_0, keypoint_1; the skeleton has left_end, right_end, top'
    assert words in capsys.readouterr().err


def test_folders_as_roboflow_writes_them(images, tmp_path):
    source, out = write_yolo(tmp_path, images), tmp_path / 'labels.json'
    source.write_text(source.read_text().replace('train: images', 'train: ../images'))
    main(['yolo-pose', str(source), '--out', str(out)])
    assert len(json.loads(out.read_text())['images']) == 2


def test_boxes_of_cvat_beside_its_skeletons(images, tmp_path, capsys):
    source = write_cvat(tmp_path, images)
    text, out = source.read_text(), tmp_path / 'labels.json'
    arguments = ['cvat', str(source), '--out', str(out)]
    source.write_text(text.replace(' group_id="4"', ''))
    main(arguments)
    assert len(json.loads(out.read_text())['annotations']) == 2  # nobody knows that they are one
    box = '<box label="rod" xtl="1" ytl="1" xbr="9" ybr="9" group_id="4"/>'
    source.write_text(text.replace('<skeleton', f'{box}<skeleton', 1))
    with pytest.raises(SystemExit):
        main(arguments)
    assert 'image 0 (a.jpg), skeleton: has 2 boxes in its group' in capsys.readouterr().err
    # Without keypoints, a group is nothing.
    source.write_text(text.replace('<skeleton', f'{box.replace("4", "5") * 2}<skeleton', 1))
    main(arguments)
    assert len(json.loads(out.read_text())['annotations']) == 3


@pytest.mark.parametrize(
    ('name', 'other'),
    [
        *[('left_eye', 'right_eye'), ('eye.L', 'eye.R'), ('LEFT EYE', 'RIGHT EYE')],
        *[('leftEye', 'rightEye'), ('LShoulder', 'RShoulder'), ('eyeLeft', 'eyeRight')],
    ],
)
def test_sides_are_known_by_names(name, other):
    names = ['lip', name, 'rest', other]
    assert other_side(name, names) == other and other_side(other, names) == name
    assert other_side('lip', names) == other_side('rest', names) == ''


def test_a_config_needs_two_keypoints(images, tmp_path):
    shapes = [labelme_shape('top', [[20, 30]])]
    for name in ('a', 'b'):
        record = dict(shapes=shapes, imagePath=f'images/{name}.jpg')
        (tmp_path / f'{name}.json').write_text(json.dumps(record))
    arguments = ['labelme', str(tmp_path), '--out', str(tmp_path / 'o.json'), '--split', '0.5']
    with pytest.raises(SystemExit, match='--config is for two keypoints or more'):
        main([*arguments, '--config', str(tmp_path / 'own.py')])


def test_a_person_without_a_box_gets_one(images, tmp_path):
    shapes = [labelme_shape(name, [list(p[:2])], group=None) for name, p in POINTS.items()]
    record = dict(shapes=shapes, imagePath='images/a.jpg', imageHeight=1, imageWidth=1)
    (tmp_path / 'a.json').write_text(json.dumps(record))
    for _ in range(2):  # the second time, what the first one wrote lies among the labels
        main(['labelme', str(tmp_path), '--out', str(tmp_path / 'o.json')])
    coco = json.loads((tmp_path / 'o.json').read_text())
    assert len(coco['images']) == 1
    assert coco['annotations'][0]['bbox'] == [20, 30, 40.5, 1]
    assert coco['images'][0]['width'] == 120  # of the file, not as stated
    assert coco['categories'][0]['name'] == 'person'


def test_a_split_is_the_same_each_time(images, tmp_path):
    source = write_yolo(tmp_path, images)
    for k in range(8):
        cv2.imwrite(str(images / f'{k}.jpg'), np.zeros((8, 8, 3), np.uint8))
    texts = []
    for _ in range(2):
        main(['yolo-pose', str(source), '--out', str(tmp_path / 'o.json'), '--split', '0.8'])
        texts.append([(tmp_path / f'o_{part}.json').read_text() for part in ('train', 'val')])
    assert texts[0] == texts[1]
    counts = [len(json.loads(text)['images']) for text in texts[0]]
    assert counts == [8, 2]


def write_yolo_with_splits(folder):
    """Of one picture for training and one for validation."""
    for split in ('train', 'val'):
        (folder / 'images' / split).mkdir(parents=True)
        cv2.imwrite(str(folder / f'images/{split}/a.jpg'), np.zeros((*SIZE[::-1], 3), np.uint8))
        (folder / 'labels' / split).mkdir(parents=True)
        numbers = [0, 0.5, 0.5, 0.5, 0.5, 0.4, 0.4, 2, 0.6, 0.4, 2, 0.5, 0.6, 1]
        (folder / f'labels/{split}/a.txt').write_text(' '.join(map(str, numbers)))
    splits = dict(train='images/train', val='images/val', names={0: 'bar', 1: 'rod'})
    facts = splits | dict(kpt_shape=[3, 3], flip_idx=[1, 0, 2])
    (folder / 'data.yaml').write_text(yaml.safe_dump(facts))
    return folder / 'data.yaml'


def test_a_config_comes_with_the_splits_of_the_labels(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    source = write_yolo_with_splits(tmp_path / "Anna's yolo")
    main(['yolo-pose', str(source), '--out', 'data/mine.json', '--config', 'own/mine.py'])
    assert 'directpose train own/mine.py' in capsys.readouterr().out
    monkeypatch.chdir(source.parent)  # the config does not depend on where it is called
    cfg = read_config(str(tmp_path / 'own/mine.py'))
    cfg.work_dir = str(tmp_path / 'work')
    check_config(cfg, ['train', 'val'])
    assert cfg.model.bbox_head.num_classes == 2
    assert cfg.val_evaluator.type == 'ClasswiseCocoMetric'
    for split in ('train', 'val'):
        ann_file = cfg[f'{split}_dataloader'].dataset.ann_file
        (image,) = json.loads(Path(ann_file).read_text())['images']
        assert image['file_name'] == f'images/{split}/a.jpg'


def test_a_config_needs_images_for_validation(images, tmp_path):
    source = write_labelme(tmp_path, images)
    arguments = ['labelme', str(source), '--out', str(tmp_path / 'o.json')]
    with pytest.raises(SystemExit, match=r'give --split 0\.9'):
        main([*arguments, '--config', str(tmp_path / 'own.py')])
    with pytest.raises(SystemExit, match='for training and for validation'):
        main([*arguments, '--config', str(tmp_path / 'own.py'), '--split', '1'])
    assert not (tmp_path / 'own.py').exists() and not list(tmp_path.glob('o*.json'))
    metainfo = tmp_path / 'o_skeleton.py'
    metainfo.write_text('mine')
    with pytest.raises(SystemExit, match='exists with another skeleton'):
        main([*arguments, '--config', str(tmp_path / 'own.py'), '--split', '0.5'])
    assert metainfo.read_text() == 'mine' and not list(tmp_path.glob('o*.json'))
    (tmp_path / 'own.py').write_text('mine')
    with pytest.raises(SystemExit, match='exists; remove it'):
        main([*arguments, '--config', str(tmp_path / 'own.py'), '--split', '0.5'])
    assert (tmp_path / 'own.py').read_text() == 'mine'


@pytest.mark.parametrize(
    ('kind', 'content', 'words'),
    [
        ('yolo-pose', 'names: [a]', 'has no kpt_shape: not of a YOLO pose set'),
        ('yolo-pose', 'names: person\nkpt_shape: [3, 3]', 'names are person, no list of classes'),
        ('yolo-pose', 'names: [a]\nkpt_shape: ["3", 3]', r"kpt_shape is \['3', 3\], not"),
        (
            'yolo-pose',
            'names: [a]\nkpt_shape: [3, 3]\ntrain: 5',
            'train is 5, no name of a folder or file',
        ),
        (
            'cvat',
            '<annotations><track id="0"/></annotations>',
            'is an export "CVAT for video", of tracks; export the task as "CVAT for images"',
        ),
        ('cvat', '<a/>', 'is no XML of CVAT'),
        ('cvat', '<a', 'cannot read'),
        ('label-studio', '{}', 'is no JSON export of Label Studio'),
    ],
)
def test_files_of_something_else(kind, content, words, tmp_path):
    (tmp_path / 'file.x').write_text(content)
    with pytest.raises(SystemExit, match=words):
        main([kind, str(tmp_path / 'file.x'), '--out', str(tmp_path / 'o.json')])
    with pytest.raises(SystemExit, match=r'gone does not exist'):
        main([kind, str(tmp_path / 'gone'), '--out', str(tmp_path / 'o.json')])


def test_images_that_are_missing(images, tmp_path, capsys):
    source = write_yolo(tmp_path, images)
    (images / 'c.jpg').write_text('no image')
    with pytest.raises(SystemExit):
        main(['yolo-pose', str(source), '--out', str(tmp_path / 'o.json')])
    assert 'c.jpg: is no image that can be read' in capsys.readouterr().err


def test_predictions_are_no_labels(images, tmp_path, capsys):
    """Where labels have a visibility, predictions of the same format have a confidence."""
    source = write_yolo(tmp_path, images, f'0 0.5 0.5 0.5 0.5 {"0.5 0.5 0.87 " * 3}\n')
    with pytest.raises(SystemExit):
        main(['yolo-pose', str(source), '--out', str(tmp_path / 'own.json')])
    assert 'has visibility 0.87 for left_end; it must be 0, 1 or 2' in capsys.readouterr().err


def test_classes_of_yolo_are_known_by_their_numbers(images, tmp_path):
    source, out = write_yolo(tmp_path, images), tmp_path / 'own.json'
    facts = yaml.safe_load(source.read_text())
    (images / '._a.jpg').write_bytes(b'what macOS keeps of it')
    for names, words in (({1: 'rod', 0: 'bar'}, None), ({0: 'bar', 2: 'rod'}, 'must be 0, 1, 2')):
        source.write_text(yaml.safe_dump({**facts, 'names': names}, sort_keys=False))
        if words is None:
            main(['yolo-pose', str(source), '--out', str(out)])
            coco = json.loads(out.read_text())
            names_of = {c['id']: c['name'] for c in coco['categories']}
            assert [names_of[a['category_id']] for a in coco['annotations']] == ['rod']
        else:
            with pytest.raises(SystemExit, match=words):
                main(['yolo-pose', str(source), '--out', str(out)])


@pytest.mark.parametrize(
    ('options', 'words'),
    [
        (['--out', 'data.yaml'], 'is named twice'),
        (['--out', 'a.json', '--metainfo', 'b.py', '--config', 'b.py'], 'is named twice'),
        (['--out', 'a.json', '--config', "Bob's/own.py"], 'a folder with an apostrophe'),
    ],
)
def test_names_of_the_files_to_write(options, words, images, tmp_path, monkeypatch):
    source = write_yolo(tmp_path, images)
    before = source.read_text()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match=words):
        main(['yolo-pose', 'data.yaml', *options])
    assert source.read_text() == before


def test_a_split_does_not_overwrite_the_labels(images, tmp_path):
    source = write_label_studio(tmp_path, images).rename(tmp_path / 'own_train.json')
    before = source.read_bytes()
    options = ['--images', str(images), '--out', str(tmp_path / 'own.json'), '--split', '0.5']
    with pytest.raises(SystemExit, match=r'own_train\.json would be overwritten'):
        main(['label-studio', str(source), *options])
    assert source.read_bytes() == before
