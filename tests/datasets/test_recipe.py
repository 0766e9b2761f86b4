"""What a training sees: which images, which windows, which people, which boxes."""

import json
from unittest import mock

import numpy as np
import pytest
import torch
from directpose import override_by_type
from directpose.datasets.transforms import labelled_people
from directpose.models.directpose.assigner import CenterAssigner
from directpose.utils.errors import InputError
from helpers.builders import build_head, people, random_feats, sample_of, v2_options
from mmdet.registry import DATA_SAMPLERS, TASK_UTILS
from mmengine.config import Config
from mmengine.dataset import Compose, DefaultSampler, InfiniteSampler
from mmpose.registry import DATASETS, TRANSFORMS

PAPER = 'configs/directpose/directpose_r50_fpn_8xb4-100e_coco-800x1333.py'


def write_coco(path, images):
    """A COCO JSON with an image of (width, height) for each list of (labelled, iscrowd) people."""
    coco = dict(images=[], annotations=[], categories=[dict(id=1, name='person')])
    for number, (size, those) in enumerate(images, 1):
        record = dict(id=number, file_name=f'{number}.jpg', width=size[0], height=size[1])
        coco['images'].append(record)
        for labelled, crowd in those:
            coco['annotations'].append(
                dict(
                    id=len(coco['annotations']) + 1,
                    image_id=number,
                    category_id=1,
                    bbox=[1, 1, 50, 60],
                    area=3000,
                    iscrowd=crowd,
                    keypoints=[10, 20, 2 * labelled] + [0] * 48,
                    num_keypoints=labelled,
                )
            )
    path.write_text(json.dumps(coco))
    return str(path)


@pytest.fixture
def ann_file(tmp_path):
    """Seven images, three of them with somebody to learn from."""
    return write_coco(
        tmp_path / 'people.json',
        [
            ((640, 480), [(1, 0)]),
            ((480, 640), [(1, 0), (0, 0)]),
            ((640, 480), [(0, 0)]),
            ((640, 480), [(1, 1)]),
            ((640, 480), []),
            ((480, 640), [(0, 0), (1, 1)]),
            ((480, 640), [(0, 1), (1, 0)]),
        ],
    )


def dataset_of(ann_file, **options):
    return DATASETS.build(dict(type='CocoKeypointDataset', ann_file=ann_file, **options))


def test_images_without_labels_are_not_trained_on(ann_file):
    with mock.patch('directpose.datasets.coco.print_log') as say:
        kept = dataset_of(ann_file)
    assert '3 of 6 images with annotations are left out' in say.call_args.args[0]
    with pytest.raises(InputError, match="data_mode is 'topdown', not 'bottomup'"):
        dataset_of(ann_file, data_mode='topdown')
    assert [kept.get_data_info(i)['img_id'] for i in range(len(kept))] == [1, 2, 7]
    tested = dataset_of(ann_file, test_mode=True)
    assert sorted(tested.get_data_info(i)['img_id'] for i in range(len(tested))) == list(
        range(1, 8)
    )


@pytest.mark.parametrize('kind', [DefaultSampler, InfiniteSampler])
def test_batches_of_like_shape(ann_file, kind):
    """mmdet's sampler reads the sizes of the images from the dataset."""
    dataset = dataset_of(ann_file, test_mode=True)
    batches = DATA_SAMPLERS.build(
        dict(type='mmdet.AspectRatioBatchSampler', sampler=kind(dataset), batch_size=2)
    )
    taken = [batch for _, batch in zip(range(4), batches, strict=False)]
    mixed = []
    for batch in taken:
        sizes = [dataset.get_data_info(i) for i in batch]
        mixed.append(len({size['width'] < size['height'] for size in sizes}) > 1)
    if kind is DefaultSampler:  # what is left of both kinds is the last batch
        assert len(taken) == len(batches) == 4 and not any(mixed[:-1])
    else:
        assert len(taken) == 4 and not any(mixed)
    config = 'configs/keypoint_rcnn/keypoint-rcnn_r50_fpn_8xb2-3x_coco-800x1333.py'
    assert Config.fromfile(config).train_dataloader.batch_sampler.type.endswith(
        'AspectRatioBatchSampler'
    )


def person_in(shape, box, **fields):
    """What the pipeline gets of a black image with a person who fills a box (x1, y1, x2, y2)."""
    x1, y1, x2, y2 = box
    keypoints = np.float32([[[x1, y1], [x2, y1], [x1, y2], [x2, y2], [(x1 + x2) / 2, y1]]])
    results = dict(
        img=np.zeros((*shape, 3), np.uint8),
        img_shape=shape,
        ori_shape=shape,
        keypoints=keypoints,
        keypoints_visible=np.ones((1, 5), np.float32),
        bbox=np.float32([box]),
        area=np.float32([(x2 - x1) * (y2 - y1)]),
        iscrowd=[0],
        category_id=np.ones(1),
        flip_indices=list(range(5)),
    )
    return results | fields


def test_a_person_cut_by_the_window_keeps_its_box():
    """Of the whole box, what is left; not a new box around the keypoints that are left."""
    boxes = TRANSFORMS.build(dict(type='PseudoBoxes'))
    results = boxes(person_in((400, 400), (100, 50, 300, 250)))
    assert results['bbox'].tolist() == [[99, 49, 302, 252]]
    crop = TRANSFORMS.build(
        dict(type='RandomScaleCrop', short_side=(400, 400), long_side=400, crop_size=(150, 400))
    )
    corners = set()
    for seed in range(20):
        np.random.seed(seed)
        cut = crop({**results, 'img': results['img'].copy()})
        left = round(cut['input_center'][0] - 75)
        corners.add(left)
        assert -1 <= 200.5 - left <= 151  # the centre of the person, up to a pixel
        expected = [max(99 - left, 0), 49, min(302 - left, 150), 252]
        np.testing.assert_allclose(cut['bbox'], [expected], atol=1e-4)
    assert len(corners) > 10 and min(corners) < 80 and max(corners) > 170


def test_the_window_holds_the_centre_of_somebody_labelled():
    crop = TRANSFORMS.build(
        dict(type='RandomScaleCrop', short_side=(2000, 2000), long_side=4000, crop_size=(200, 200))
    )
    first = person_in((1000, 1000), (50, 60, 80, 100))
    second = person_in((1000, 1000), (850, 800, 900, 990))
    results = {
        k: np.concatenate((first[k], second[k]))
        for k in ('keypoints', 'keypoints_visible', 'bbox', 'area')
    }
    results = first | results
    centers = results['bbox'][:, :2] + results['bbox'][:, 2:]  # in pixels of the scaled image
    for visible, expected in (([1, 1], {0, 1}), ([0, 1], {1})):
        seen = set()
        for seed in range(20):
            np.random.seed(seed)
            shown = results['keypoints_visible'] * np.float32(visible)[:, None]
            cut = crop({**results, 'keypoints_visible': shown, 'img': first['img'].copy()})
            corner = cut['input_center'] * 2 - 100
            inside = ((centers >= corner) & (centers <= corner + 200)).all(1)
            assert inside.any()
            seen |= set(np.nonzero(inside)[0])
        assert seen == expected


def test_boxes_of_people_without_labels_can_be_kept():
    visible = dict(keypoints_visible=np.zeros((1, 5), np.float32))
    results = person_in((100, 100), (10, 20, 30, 40), **visible)
    kept = TRANSFORMS.build(dict(type='PseudoBoxesOfLabelled'))(dict(results))
    assert kept['bbox'].tolist() == [[10, 20, 30, 40]]
    assert not TRANSFORMS.build(dict(type='PseudoBoxes'))(dict(results))['bbox'].any()

    labelled = person_in((400, 400), (100, 50, 300, 250))
    changed = TRANSFORMS.build(dict(type='PseudoBoxesOfLabelled'))(labelled)
    assert changed['bbox'].tolist() == [[99, 49, 302, 252]]


def test_areas_grow_with_the_square_of_the_scale():
    crop = dict(type='RandomScaleCrop', short_side=(200, 200), long_side=400, crop_size=(400, 400))
    cut = TRANSFORMS.build(crop)(person_in((100, 100), (10, 20, 30, 60)))
    assert cut['area'].tolist() == [4 * 20 * 40]


def test_who_counts_for_a_window():
    boxes = np.float32([[5, 5, 5, 9], [0, 0, 4, 4], [0, 0, 4, 4]])
    visible = np.float32([[1], [1], [0]])
    counted = labelled_people(dict(keypoints_visible=visible, bbox=boxes))
    assert counted.tolist() == [False, True, False]  # without extent, well, without label


def test_labels_of_many_classes():
    target = TRANSFORMS.build(dict(type='GenerateTarget', encoder=dict(type='InstanceLabelCodec')))
    results = person_in((100, 100), (10, 20, 30, 40), category_id=np.array([200]))
    assert target(results)['bbox_labels'].tolist() == [199]


@pytest.mark.parametrize('options', [{}, v2_options()], ids=['paper', 'v2'])
def test_locations_in_the_box_of_somebody_unlabelled_are_not_classified(options):
    head, feats = build_head(**options), random_feats(batch=1)
    labelled, unlabelled = people((10, 10, 90, 120)), people((120, 20, 250, 240), labelled=0)
    both = type(labelled).cat([labelled, unlabelled])
    alone, beside = (head.loss(feats, [sample_of(labels)]) for labels in (labelled, both))
    assert beside['loss_cls'] < alone['loss_cls']
    for name in set(alone) - {'loss_cls'}:
        torch.testing.assert_close(beside[name], alone[name])
    # A positive of somebody else stays one: it is all that is left where the box is the image.
    within = type(labelled).cat([labelled, people((-1, -1, 321, 257), labelled=0)])
    outs = head(feats)
    with mock.patch.object(head.loss_cls, 'forward', wraps=head.loss_cls.forward) as loss:
        head.loss_by_feat(outs, [within])
    targets, weights = loss.call_args.args[1], loss.call_args.kwargs['weight']
    assert torch.equal(weights[..., 0], (targets.amax(-1) > 0).float())
    assert 0 < weights.sum() < 20


def test_parts_are_changed_by_type():
    parts = [dict(type='A', x=1, y=2), dict(type='B'), dict(type='C')]
    changed = override_by_type(parts, A=dict(x=3), B=None, C=dict(type='D'))
    new = [dict(type='E'), dict(type='B', y=2)]
    assert override_by_type(parts, B=new) == [parts[0], *new, *parts[2:]]
    assert changed == [dict(type='A', x=3, y=2), dict(type='D')]
    assert parts[0]['x'] == 1
    with pytest.raises(InputError, match='E is there 0 times, not once, among A, B, C'):
        override_by_type(parts, E=None)
    with pytest.raises(InputError, match='A is there 2 times'):
        override_by_type([*parts, parts[0]], A=None)


def windows_of_coco(path, count, pipeline):
    """Windows of random images of COCO train2017 that have labels: their results."""
    labels = dict(np.load(path))
    known = (labels['size_wh'] > 0).all(1) & ~labels['is_val2017']
    labels = {name: array[known] for name, array in labels.items()}
    order = np.argsort(labels['image_id'], kind='stable')
    groups = np.split(order, np.unique(labels['image_id'][order], return_index=True)[1][1:])
    for number in np.random.permutation(len(groups))[:count]:
        rows = groups[number]
        size = labels['size_wh'][rows[0]].astype(int)
        visible = np.float32(labels['kpt_v'][rows] > 0)
        if not visible.any():
            continue
        people_there = len(rows)
        yield pipeline(
            dict(
                img=np.zeros((size[1], size[0], 3), np.uint8),
                img_shape=tuple(size[::-1]),
                ori_shape=tuple(size[::-1]),
                keypoints=np.float32(labels['kpt_xy'][rows] * size),
                keypoints_visible=visible,
                bbox=np.zeros((people_there, 4), np.float32),
                area=np.ones(people_there, np.float32),
                iscrowd=[0] * people_there,
                category_id=np.ones(people_there),
                flip_indices=list(range(17)),
            )
        )


def test_windows_of_coco_are_those_of_the_reference(shared):
    """GluonCV's, measured on 12,000 images: 0.3 % of the windows without a labelled keypoint, 2.23
    people a window, 2.5 % of the people without a positive location."""
    config = Config.fromfile(PAPER)
    steps = {step['type']: step for step in config.train_pipeline}
    kinds = ('IgnoreCrowds', 'PseudoBoxes', 'RandomFlip', 'RandomScaleCrop', 'FilterAnnotations')
    pipeline = Compose([steps[kind] for kind in kinds])
    strides = [8, 16, 32, 64, 128]
    points = TASK_UTILS.build(dict(type='MlvlPointGenerator', strides=strides, offset=0.5))
    ranges = torch.tensor([(-1, 64), (64, 128), (128, 256), (256, 512), (512, 1e8)])
    np.random.seed(0)
    assigner, counts, unseen = CenterAssigner(), [], 0
    path = shared / 'data/coco_pose_labels/coco2017_pose_labels.npz'
    for window in windows_of_coco(path, 1000, pipeline):
        boxes = torch.from_numpy(window['bbox'])
        counts.append(len(boxes))
        sides = [-(-side // 32) * 32 for side in window['img_shape']]
        sizes = [(-(-sides[0] // s), -(-sides[1] // s)) for s in strides]
        levels = points.grid_priors(sizes, device='cpu', with_stride=True)
        of_level = torch.cat([ranges[[n]].expand(len(p), 2) for n, p in enumerate(levels)])
        priors = torch.cat(levels)
        matched = assigner(assigner.candidates(priors, of_level, boxes), boxes)
        unseen += len(boxes) - len(set(matched.unique().tolist()) - {-1})
    counts = np.array(counts)
    assert len(counts) > 950
    assert (counts == 0).mean() < 0.006  # was 0.089
    assert counts.mean() == pytest.approx(2.23, abs=0.12)  # was 1.99
    assert unseen / counts.sum() < 0.025  # was 0.055
