"""Other datasets, skeletons and classes: labels in, training, metric out."""

import json
import re
import sys

import cv2
import numpy as np
import pytest
from directpose.datasets.metainfo import parse_metainfo
from directpose.utils.errors import InputError
from directpose.validation.coco_json import check_category
from directpose.validation.config import check_config
from helpers.commands import ROOT, python, run
from mmengine.config import Config
from mmengine.runner import Runner
from mmpose.registry import DATASETS, METRICS

CONFIGS = dict(
    crowdpose='directpose_r50_fpn_8xb4-100e_crowdpose-800x1333',
    ochuman='directpose_r50_fpn_ochuman-800x1333',
    posetrack18='directpose_r50_fpn_8xb4-100e_posetrack18-800x1333',
    ap10k='directpose_r50_fpn_8xb4-100e_ap10k-800x1333',
)
KEYPOINTS = dict(crowdpose=14, ochuman=17, posetrack18=17, ap10k=17)


def make_animals(folder):
    """A set of two pictures with animals of three of the 54 species, as AP-10K writes it."""
    rng = np.random.default_rng(0)
    names = list(
        parse_metainfo(dict(from_file='configs/_base_/datasets/ap10k.py'))[
            'keypoint_id2name'
        ].values()
    )
    coco = dict(images=[], annotations=[], categories=[])
    for number in (1, 2):
        image = rng.integers(0, 255, (120, 160, 3), dtype=np.uint8)
        cv2.imwrite(str(folder / f'{number}.jpg'), image)
        coco['images'].append(dict(id=number, file_name=f'{number}.jpg', width=160, height=120))
        for species in (1, 20 + number):
            x, y = rng.uniform(5, 60, 2)
            points = np.column_stack([rng.uniform(x, x + 60, 17), rng.uniform(y, y + 50, 17)])
            record = dict(id=len(coco['annotations']) + 1, image_id=number, category_id=species)
            record.update(bbox=[x, y, 60, 50], area=3000.0, iscrowd=0, num_keypoints=17)
            points = np.column_stack([points, np.full(17, 2)]).flatten().tolist()
            coco['annotations'].append(record | dict(keypoints=points))
    coco['categories'] = [dict(id=k, name=f'species {k}', keypoints=names) for k in range(1, 55)]
    (folder / 'annotations.json').write_text(json.dumps(coco))
    return folder


@pytest.fixture(params=list(CONFIGS))
def case(request, tmp_path):
    """Name, config on the data, annotations."""
    name = request.param
    if name == 'ap10k':
        folder, images = make_animals(tmp_path), ''
    else:
        folder = request.getfixturevalue('shared') / 'data/pose_extras' / name
        images = '' if name == 'posetrack18' else 'images/'
    config = Config.fromfile(ROOT / f'configs/directpose/{CONFIGS[name]}.py')
    for split in ('train', 'val', 'test'):
        loader = config[f'{split}_dataloader']
        loader.update(num_workers=0, persistent_workers=False)
        if name == 'ochuman':  # has no training split
            loader.dataset.metainfo = config.val_dataloader.dataset.metainfo
        loader.dataset.update(
            data_root=f'{folder}/', ann_file='annotations.json', data_prefix=dict(img=images)
        )
    for split in ('val', 'test'):
        config[f'{split}_evaluator'].ann_file = f'{folder}/annotations.json'
    config.work_dir = str(tmp_path / 'work')
    return name, config, json.loads((folder / 'annotations.json').read_text())


def shrink(config):
    """A small model and small images in the place of the config's."""
    small = Config.fromfile(ROOT / 'configs/_base_/models/directpose_tiny.py').model
    config.model.update(backbone=small.backbone, neck=small.neck)
    config.model.heatmap_head = small.heatmap_head
    own = dict(num_classes=config.model.bbox_head.get('num_classes', 1))
    groups = config.model.bbox_head.kpt_predictor.groups
    config.model.bbox_head = small.bbox_head
    config.model.bbox_head.update(own)
    config.model.bbox_head.kpt_predictor.groups = groups
    config.merge_from_dict(
        {
            'train_dataloader.dataset.pipeline.4.short_side': (128, 160),
            'train_dataloader.dataset.pipeline.4.crop_size': (128, 128),
            'val_dataloader.dataset.pipeline.1.short_side': 128,
            'train_cfg.max_epochs': 1,
            'train_cfg.val_interval': 1,
            'model.test_cfg.score_thr': 0.0,
            'experiment_name': re.sub(r'\W', '', config.work_dir),
        }
    )


def test_a_training_from_the_labels_to_the_metric(case):
    _, config, _ = case
    check_config(config, ('train', 'val'))
    shrink(config)
    runner = Runner.from_cfg(config)
    runner.train()
    scores = runner.val_loop.run()
    prefix = config.val_evaluator.get('prefix', 'coco')
    assert 0 <= scores[f'{prefix}/AP'] <= 1
    losses = {k: v for k, v in runner.message_hub.log_scalars.items() if 'loss' in k}
    assert 'train/loss_kpt' in losses and np.isfinite([v.current() for v in losses.values()]).all()


def test_truth_as_prediction_is_perfect(case):
    name, config, coco = case
    count = KEYPOINTS[name]
    metric = METRICS.build(config.val_evaluator)
    dataset = DATASETS.build({**config.val_dataloader.dataset, 'pipeline': []})
    assert dataset.metainfo['num_keypoints'] == count == len(dataset.metainfo['sigmas'])
    metric.dataset_meta = dataset.metainfo
    for image in coco['images']:
        truth = [a for a in coco['annotations'] if a['image_id'] == image['id']]
        truth = [a for a in truth if any(a['keypoints'][2::3])]
        boxes = np.array([a['bbox'] for a in truth], dtype=float)
        boxes[:, 2:] += boxes[:, :2]
        keypoints = np.array([a['keypoints'] for a in truth], dtype=float).reshape(-1, count, 3)
        people = dict(
            keypoints=keypoints[..., :2],
            keypoint_scores=np.ones(keypoints.shape[:2]),
            bboxes=boxes,
            bbox_scores=np.full(len(truth), 0.9),
            labels=np.array([a['category_id'] - 1 for a in truth]),
        )
        sample = dict(id=[a['id'] for a in truth], img_id=image['id'], gt_instances={})
        metric.process([], [sample | dict(pred_instances=people)])
    prefix = config.val_evaluator.get('prefix', 'coco')
    assert metric.evaluate(len(coco['images']))[f'{prefix}/AP'] == pytest.approx(1.0)


def test_mismatches_are_named(case, tmp_path):
    name, config, coco = case
    other = 'crowdpose' if name != 'crowdpose' else 'coco'
    right = config.model.metainfo.from_file
    config.model.metainfo.from_file = f'configs/_base_/datasets/{other}.py'
    with pytest.raises(InputError, match=r'set model\.metainfo to the metainfo of the dataset'):
        check_config(config, ('train',))
    config.model.metainfo.from_file = right

    names = coco['categories'][0]['keypoints']
    if name != 'crowdpose':  # whose JSON calls one keypoint otherwise
        names[1], names[2] = names[2], names[1]
        path = tmp_path / 'swapped.json'
        path.write_text(json.dumps(coco))
        config.train_dataloader.dataset.ann_file = str(path)
        with pytest.raises(InputError, match='give the metainfo of these data'):
            check_config(config, ('train',))
        names[1], names[2] = names[2], names[1]

    coco['annotations'][0]['keypoints'] += [1, 1, 2]
    path = tmp_path / 'longer.json'
    path.write_text(json.dumps(coco))
    config.train_dataloader.dataset.ann_file = str(path)
    with pytest.raises(InputError, match=f'that is {KEYPOINTS[name] + 1} keypoints, but the'):
        check_config(config, ('train',))


@pytest.mark.parametrize('case', ['crowdpose', 'posetrack18'], indirect=True)
def test_areas_that_oks_needs(case):
    _, config, _ = case
    config.val_evaluator.use_area = True
    with pytest.raises(InputError, match=r'has no area, .* set val_evaluator\.use_area=False'):
        check_config(config, ('val',))


@pytest.mark.parametrize('case', ['ap10k'], indirect=True)
def test_an_area_of_0_is_none(case, tmp_path):
    _, config, coco = case
    coco['annotations'][0]['area'] = 0
    path = tmp_path / 'annotations.json'
    path.write_text(json.dumps(coco))
    config.val_dataloader.dataset.ann_file = config.val_evaluator.ann_file = str(path)
    with pytest.raises(InputError, match=r'has no area, or 0, as 1 of'):
        check_config(config, ('val',))


# ------------------------------------------------- the walk through docs/custom_skeleton.md

DOC = (ROOT / 'docs/custom_skeleton.md').read_text()


def files_of_the_doc():
    """The Python blocks that start with a comment of their file's name."""
    blocks = re.findall(r'```python\n# (\w+\.py)\n(.*?)```', DOC, re.S)
    assert [name for name, _ in blocks] == ['make_kites.py', 'kite.py', 'kites.py']
    return dict(blocks)


@pytest.fixture(scope='module')
def kites(tmp_path_factory):
    """A folder with the files of the doc and the set they make."""
    folder = tmp_path_factory.mktemp('kites')
    for name, text in files_of_the_doc().items():
        (folder / name).write_text(text)
    done = run(sys.executable, 'make_kites.py', 8, 4, cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder


def test_the_config_of_the_repository_has_the_metainfo_of_the_doc():
    path = ROOT / 'configs/_base_/datasets/kite.py'
    of_doc = {}
    exec(files_of_the_doc()['kite.py'], of_doc)
    assert Config.fromfile(path).dataset_info.to_dict() == of_doc['dataset_info']
    (ours,) = (ROOT / 'configs').glob('directpose/*kite*.py')
    skeleton = parse_metainfo(Config.fromfile(ours).model.metainfo)
    assert skeleton['num_keypoints'] == 5


def test_the_commands_of_the_doc(kites):
    """Run in another folder, as a user would, but for the paths of the tools; one epoch."""
    work = 'work_dirs/kites'
    assert f'python tools/train.py kites.py --work-dir {work}' in DOC
    tools = ROOT / 'tools'
    options = ('--cfg-options', 'train_cfg.max_epochs=1', 'train_cfg.val_interval=1')
    done = python(tools / 'train.py', 'kites.py', '--work-dir', work, *options, cwd=kites)
    assert done.returncode == 0, done.stderr[-3000:]
    checkpoint = f'{work}/epoch_1.pth'
    done = python(tools / 'test.py', 'kites.py', checkpoint, cwd=kites)
    assert done.returncode == 0 and 'coco/AP' in done.stdout + done.stderr
    done = python(
        *(tools / 'demo.py', 'kites.py', checkpoint, 'data/kites/images', '--out', 'drawn'),
        *('--score-thr', 0, '--cfg-options', 'model.test_cfg.score_thr=0.0'),
        cwd=kites,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads((kites / 'drawn/predictions.json').read_text())['annotations']
    assert found and len(found[0]['keypoints']) == 15

    # of another skeleton
    coco = ROOT / 'configs/directpose/directpose_tiny_1xb4-5e_synthetic-256x320.py'
    done = python(tools / 'demo.py', coco, checkpoint, 'data/kites/images', cwd=kites)
    assert done.returncode == 1 and 'is of another model or skeleton' in done.stderr


def test_groups_and_flips_of_the_doc(kites):
    config = Config.fromfile(kites / 'kites.py')
    from directpose.models.directpose.detector import DirectPose

    config.model.pop('type')
    model = DirectPose(**config.model)
    assert model.bbox_head.kpt_predictor.keypoint_group.tolist() == [0, 0, 0, 1, 2]
    dataset = DATASETS.build({**config.val_dataloader.dataset, 'lazy_init': True})
    assert dataset.metainfo['flip_indices'] == [0, 2, 1, 3, 4]


# As AP-10K's own files spell them
AP10K_KEYPOINTS = [
    'left_eye',
    'right_eye',
    'nose',
    'neck',
    'root_of_tail',
    'left_shoulder',
    'left_elbow',
    'left_front_paw',
    'right_shoulder',
    'right_elbow',
    'right_front_paw',
    'left_hip',
    'left_knee',
    'left_back_paw',
    'right_hip',
    'right_knee',
    'right_back_paw',
]


def test_other_keypoints_of_the_same_number():
    """COCO's people and AP-10K's animals have 17 keypoints each."""
    animals, humans = (
        parse_metainfo(dict(from_file=f'configs/_base_/datasets/{name}.py'))
        for name in ('ap10k', 'coco')
    )
    coco_keypoints = list(humans['keypoint_id2name'].values())
    check_category('x.json', 0, dict(id=1, keypoints=AP10K_KEYPOINTS), animals)
    check_category('x.json', 0, dict(id=1, keypoints=coco_keypoints), humans)
    words = r'x.json: keypoint 0 of category 1 is nose, .* is L_Eye, and nose is keypoint 2'
    with pytest.raises(InputError, match=words):
        check_category('x.json', 0, dict(id=1, keypoints=coco_keypoints), animals)
    with pytest.raises(InputError, match='give the metainfo of these data'):
        check_category('x.json', 0, dict(id=1, keypoints=AP10K_KEYPOINTS), humans)


def test_names_of_keypoints_in_any_script():
    for names in (['鼻', '左眼', '右眼'], ['olho_é', 'olho_ã', 'b'], ['b', 'back', 'l']):
        skeleton = dict(dataset_name='x', keypoint_id2name=dict(enumerate(names)))
        check_category('x.json', 0, dict(id=1, keypoints=names), skeleton)
    with pytest.raises(InputError, match='keypoint 0 of category 1 is 左眼'):
        skeleton = dict(dataset_name='x', keypoint_id2name=dict(enumerate(['鼻', '左眼'])))
        check_category('x.json', 0, dict(id=1, keypoints=['左眼', '鼻']), skeleton)
