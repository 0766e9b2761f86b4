"""tools/benchmark.py: what it says about small models is true, and bad arguments are named."""

import importlib.util
import json
import subprocess
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import torch
from directpose.cli import benchmark as cli
from mmengine.config import Config
from mmpose.registry import MODELS

CONFIG = 'configs/directpose/directpose_tiny_1xb4-5e_synthetic-256x320.py'

FCOS = 'mmdet::fcos/fcos_r50-caffe_fpn_gn-head_1x_coco.py'


@pytest.fixture(scope='module')
def benchmark(root):
    spec = importlib.util.spec_from_file_location('benchmark', root / 'tools/benchmark.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(benchmark, root, out, *args):
    common = ['--device', 'cpu', '--runs', '2', '--warmup', '1', '--out', str(out)]
    benchmark.main([str(root / CONFIG), *args, *common])
    return json.loads(out.read_text())


def test_predictions_side_by_side(benchmark, root, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr('torch.cpu.get_capabilities', lambda: dict(avx512_bf16=True))
    naive = tmp_path / 'naive.py'
    head = "dict(_delete_=True, type='mmdet.KeypointConv', in_channels=64)"
    naive.write_text(
        f"_base_ = '{root / CONFIG}'\nmodel = dict(bbox_head=dict(kpt_predictor={head}))\n"
    )
    arguments = ['--vs', str(naive), '--size', '64x96', '--candidates', '20', '--batch', '1', '2']
    content = run(
        benchmark, root, tmp_path / 'out.json', *arguments, '--forms', 'plain', 'optimized', 'half'
    )
    rows = content['rows']
    assert [row['batch'] for row in rows] == [1] * 6 + [2] * 6
    assert len({row['model'] for row in rows}) == 6
    for row in rows:
        # in half precision several have the same score
        assert row['candidates'] in ((20,) if '(half)' not in row['model'] else range(10, 21))
        assert row['size'] == '64x96'
        assert 0 < row['p10_ms'] <= row['median_ms'] <= row['p90_ms']
        assert row['images_per_s'] == pytest.approx(1000 * row['batch'] / row['median_ms'])
        assert set(row['parts_ms']) == {'backbone_neck', 'head_layers', 'decode_nms'}
        assert row['peak_mib'] > 0 and row['gflops'] > 0
    assert rows[6]['gflops'] == pytest.approx(2 * rows[0]['gflops'], rel=0.01)
    assert content['header']['threads'] == torch.get_num_threads()
    assert content['header']['weights'] == 'random'
    printed = capsys.readouterr().out
    assert printed.count('| 64x96 |') == 12 and 'hardware' in printed


def test_the_header_without_git_and_cpu_names(root):
    args = cli.parse_args([str(root / CONFIG)])
    cpuinfo = mock.mock_open(read_data='processor: 0\n')
    with (
        mock.patch.object(subprocess, 'run', side_effect=FileNotFoundError),
        mock.patch('builtins.open', cpuinfo),
    ):
        header = cli.header(args, 'float32')
    assert header['commit'] is None and header['hardware']


def test_training_steps(benchmark, root, tmp_path):
    arguments = ['--train', '--size', '64x64', '--people', '0', '5']
    none, some = run(benchmark, root, tmp_path / 'out.json', *arguments)['rows']
    assert (none['people'], some['people']) == (0, 5)
    assert set(some['parts_ms']) == {'forward', 'backward'}


@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        (['--size', '800'], '--size 800'),
        (['--size', '0x64'], '--size 0x64'),
        (['--vs', CONFIG, '--size', '64x64'], 'named twice'),
        (['--forms', 'onnx', '--vs', FCOS, '--size', '64x64'], '--forms onnx runs a DirectPose'),
        (['--forms', 'openvino'], 'pip install openvino'),
        (['--vs', 'nowhere.py'], 'cannot read the config nowhere.py'),
        (['--vs', 'mmdet::nowhere.py'], 'cannot load the config mmdet::nowhere.py'),
    ],
)
def test_bad_arguments_are_named(benchmark, root, monkeypatch, arguments, words):
    monkeypatch.chdir(root)
    found = importlib.util.find_spec
    missing = ('openvino',)
    monkeypatch.setattr('importlib.util.find_spec', lambda n: None if n in missing else found(n))
    with pytest.raises(SystemExit, match=words):
        benchmark.main([CONFIG, *arguments])


def test_half_precision_and_a_checkpoint(benchmark, root, tmp_path):
    model = MODELS.build(Config.fromfile(root / CONFIG).model)
    torch.save(dict(state_dict=model.state_dict()), tmp_path / 'weights.pth')
    arguments = [str(tmp_path / 'weights.pth'), '--amp', '--size', '64x96', '--candidates', '9']
    content = run(benchmark, root, tmp_path / 'out.json', *arguments)
    assert content['header']['precision'] == 'AMP (bfloat16)'
    assert 'weights.pth' in content['header']['weights']
    assert content['rows'][0]['candidates'] <= 9


def test_detectors_of_mmdet_and_mmpose(benchmark, root, tmp_path):
    rtmo = 'mmpose::body_2d_keypoint/rtmo/coco/rtmo-s_8xb32-600e_coco-640x640.py'
    arguments = ['--vs', FCOS, rtmo, '--size', '64x96', '--candidates', '9', '--runs', '1']
    rows = run(benchmark, root, tmp_path / 'out.json', *arguments)['rows']
    assert [row['candidates'] for row in rows] == [9, 9, 9]
    names = [row['model'] for row in rows]
    assert names == ['directpose_tiny', 'fcos_r50-caffe_fpn_gn-head', 'rtmo-s']


def test_onnxruntime_beside_torch(benchmark, root, tmp_path, monkeypatch, capsys):
    """In place of the exported file, which has its own tests, one that finds nobody."""
    exported = []

    class Session:
        def __init__(self, path, sess_options, providers):
            assert Path(path).read_text() == 'exported' and providers == ['CPUExecutionProvider']

        def get_modelmeta(self):
            return mock.Mock(custom_metadata_map={})

        def run(self, names, feeds):
            assert feeds['images'].min() > -0.01 and 250 < feeds['images'].max() < 255.01  # pixels
            assert feeds['sizes'].tolist() == [[64, 96]]
            return [np.zeros(0, int), *(np.zeros((0, n)) for n in (4, 1, 1, 51))]

    def export(model, path, with_nms, facts):
        exported.append((model.bbox_head.test_cfg['score_thr'], with_nms))
        Path(path).write_text('exported')

    monkeypatch.setattr('directpose.benchmark.onnx_form.export_onnx', export)
    monkeypatch.setattr('onnxruntime.InferenceSession', Session)
    arguments = ['--forms', 'optimized', 'onnx', '--size', '64x96', '--candidates', '3', '50']
    rows = run(benchmark, root, tmp_path / 'out.json', *arguments)['rows']
    assert [row['candidates'] for row in rows] == [3, 3, 50, 50]
    for onnx_row in rows[1::2]:
        assert onnx_row['model'] == 'directpose_tiny (onnx)'
        assert onnx_row['detections'] == 0 and onnx_row['median_ms'] > 0
        assert not onnx_row['parts_ms'] and not {'gflops', 'peak_mib'} & onnx_row.keys()
    assert '| – |' in capsys.readouterr().out
    # once for each score threshold
    assert [with_nms for _, with_nms in exported] == [True, True] and exported[0] > exported[1]


def test_two_stages_beside_one(benchmark, root, tmp_path):
    two_stage = root / 'configs/keypoint_rcnn/keypoint-rcnn_tiny_1xb4-5e_synthetic-256x320.py'
    arguments = ['--vs', str(two_stage), '--size', '128x128', '--candidates', '12']
    one, two = run(benchmark, root, tmp_path / 'out.json', *arguments)['rows']
    assert one['candidates'] == two['candidates'] == 12
    assert 0 < two['detections'] <= 12 and 0 < one['detections'] <= 12
    parts = {'rpn_layers', 'roi_features', 'bbox_head', 'keypoint_head'}
    assert set(two['parts_ms']) == {'backbone_neck', 'decode_nms'} | parts
    assert all(two['parts_ms'][part] > 0 for part in parts)


def test_training_steps_of_two_stages(benchmark, root, tmp_path):
    two_stage = root / 'configs/keypoint_rcnn/keypoint-rcnn_tiny_1xb4-5e_synthetic-256x320.py'
    arguments = ['--vs', str(two_stage), '--train', '--size', '64x64', '--people', '1', '9']
    rows = run(benchmark, root, tmp_path / 'out.json', *arguments)['rows']
    one, nine = (row for row in rows if row['model'] == 'keypoint-rcnn_tiny')
    assert one['gflops'] < nine['gflops']  # more people in the keypoint branch


def test_another_kind_of_model_is_refused(benchmark, root):
    top_down = (
        'mmpose::body_2d_keypoint/topdown_regression/coco/td-reg_res50_8xb64-210e_coco-256x192.py'
    )
    cascade = 'mmdet::cascade_rcnn/cascade-rcnn_r50_fpn_1x_coco.py'
    for other in (top_down, cascade):
        with pytest.raises(SystemExit, match='no detector of mmdet or mmpose'):
            benchmark.main([str(root / CONFIG), '--vs', other, '--size', '64x64'])


def test_what_models_have_in_common_has_the_same_random_weights(root):
    from directpose.benchmark.cases import build

    names = ('tiny', 'tiny-gcm', 'tiny-gcm')
    stem = 'configs/keypoint_rcnn/keypoint-rcnn_{}_1xb4-5e_synthetic-256x320.py'
    models = [
        build(str(root / stem.format(name)), None, 'cpu', 'train', '64x64', False).model
        for name in names
    ]
    plain, context, again = (model.state_dict() for model in models)
    assert all(torch.equal(value, again[name]) for name, value in context.items())
    shared = [n for n in plain if 'keypoint_head' not in n]
    assert all(torch.equal(plain[name], context[name]) for name in shared)
