"""tools/dev/ablation.py: order, resumption, table and plot, with a stand-in for the trainings."""

import json
from pathlib import Path

import cv2
import pytest
from helpers.commands import ROOT, load_tool

CONFIG = ROOT / 'configs/directpose/directpose_tiny_1xb4-5e_synthetic-256x320.py'


@pytest.fixture
def configs(synthetic_set, tmp_path):
    """Two configs on the small set."""
    loaders = ''.join(
        f'{split}_dataloader = dict(dataset=dict(data_root="{synthetic_set}/"))\n'
        for split in ('train', 'val', 'test')
    )
    metrics = ''.join(
        f'{split}_evaluator = dict(ann_file="{synthetic_set}/annotations/val.json")\n'
        for split in ('val', 'test')
    )
    paths = [tmp_path / f'{name}.py' for name in ('base', 'better')]
    for path in paths:
        path.write_text(f'_base_ = "{CONFIG}"\n{loaders}{metrics}')
    return [str(path) for path in paths]


@pytest.fixture
def tool(monkeypatch):
    """The tool, whose trainings are written down and give an AP by config and seed."""
    module = load_tool('dev/ablation')
    module.runs, module.in_half_precision = [], []

    def stand_in(script, log_file, *args, prefix):
        folder = Path(args[args.index('--work-dir') + 1])
        module.runs.append((script.name, folder.parent.name, folder.name))
        assert f'randomness.seed={folder.name.removeprefix("seed_")}' in args
        if script.name == 'train.py':
            assert '--resume' in args
            module.in_half_precision.append('--amp' in args)
            (folder / 'last_checkpoint').write_text(str(folder / 'epoch_5.pth'))
        else:
            assert args[1] == str(folder / 'epoch_5.pth')
            ap = 0.1 * int(folder.name[-1]) + 0.25 * (folder.parent.name == 'better')
            metrics = {'coco/AP': ap, 'coco/AP .5': 0.5, 'coco/AP .75': 0.0}
            metrics |= {'coco/AP (M)': 0.1, 'coco/AP (L)': 0.2}
            Path(args[args.index('--out') + 1]).write_text(json.dumps(metrics))

    monkeypatch.setattr(module, 'run_tool', stand_in)
    return module


def test_table_plot_and_numbers(tool, configs, tmp_path, capsys):
    out = tmp_path / 'out'
    tool.main([*configs, '--seeds', '1', '2', '3', '--work-dir', str(out)])
    trained = [run[1:] for run in tool.runs if run[0] == 'train.py']
    assert trained == [(n, f'seed_{s}') for s in (1, 2, 3) for n in ('base', 'better')]
    table = (out / 'ablation.md').read_text()
    assert table in capsys.readouterr().out
    header, _, base, better = table.splitlines()
    assert header == '| config | runs | AP | AP50 | AP75 | AP (M) | AP (L) | gain |'
    assert base.startswith('| base | 3 | 0.200 ± 0.100 |') and base.endswith('| 0.000 ± 0.000 |')
    assert better.startswith('| better | 3 | 0.450 ± 0.100 |')
    assert better.endswith('| 0.250 ± 0.000 |')
    assert cv2.imread(str(out / 'ablation.png')).shape[0] > 150
    numbers = json.loads((out / 'ablation.json').read_text())
    assert [m['coco/AP'] for m in numbers['results']['base']] == pytest.approx([0.1, 0.2, 0.3])


def test_what_is_finished_is_not_repeated(tool, configs, tmp_path):
    arguments = [*configs, '--work-dir', str(tmp_path / 'out'), '--seeds']
    tool.main([*arguments, '0'])
    tool.runs.clear()
    tool.main([*arguments, '0', '1'])
    assert {run[2] for run in tool.runs} == {'seed_1'}
    assert '| base | 2 |' in (tmp_path / 'out/ablation.md').read_text()


def test_half_precision(tool, configs, tmp_path):
    for option, amp in (([], False), (['--amp'], True)):
        tool.in_half_precision.clear()
        tool.main([*configs, *option, '--work-dir', str(tmp_path / f'{amp}'), '--seeds', '0'])
        assert tool.in_half_precision == [amp, amp]


def test_results_of_an_older_config_are_refused(tool, configs, tmp_path):
    arguments = [*configs, '--work-dir', str(tmp_path / 'out'), '--seeds', '0']
    tool.main(arguments)
    with pytest.raises(SystemExit, match='or with another --amp'):
        tool.main([*arguments, '--amp'])
    with open(configs[0], 'a') as file:
        file.write('train_cfg = dict(max_epochs=7)\n')
    with pytest.raises(SystemExit, match=r'another version of .*base\.py'):
        tool.main(arguments)


def test_metrics_that_not_every_config_has(tool):
    plain = {'coco/AP': 0.5}
    table = tool.make_table(dict(base=[plain | {'coco/bbox_mAP': 0.4}], other=[plain]))
    assert '| AP | box AP | gain |' in table and '| 0.500 | – | 0.000 |' in table


def test_bad_configs_are_told_before_any_training(tool, configs, tmp_path):
    broken = tmp_path / 'broken.py'
    broken.write_text(
        f'_base_ = "{configs[0]}"\ntrain_dataloader = dict(dataset=dict(ann_file="x"))\n'
    )
    with pytest.raises(SystemExit, match=r'cannot read .*x \('):
        tool.main([*configs, str(broken), '--work-dir', str(tmp_path / 'out')])
    with pytest.raises(SystemExit, match='same name'):
        tool.main([configs[0], configs[0], '--work-dir', str(tmp_path / 'out')])
    with pytest.raises(SystemExit, match='give each seed once'):
        tool.main([*configs, '--seeds', '1', '1', '--work-dir', str(tmp_path / 'out')])
    assert not tool.runs
