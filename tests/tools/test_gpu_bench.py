"""make gpu-bench, with a Python in its place that only says what it was told."""

import re
import subprocess

import pytest
from helpers.commands import ROOT

# A GPU is there; the other one-liner asks for operators of mmcv. Compiled models fail.
PYTHON = """#!/bin/bash
case "$*" in
    *has_operators*) exit {operators} ;;
    *pytest*) exit 1 ;;
    *--compile*) exit 2 ;;
    *benchmark.py*) echo "| $* |" ;;
esac
"""


@pytest.mark.parametrize('operators', [True, False])
def test_every_table_is_tried(tmp_path, operators):
    python = tmp_path / 'python'
    python.write_text(PYTHON.format(operators=int(not operators)))
    python.chmod(0o755)
    done = subprocess.run(
        ['bash', ROOT / 'tools/dev/gpu_bench.sh'],
        cwd=tmp_path,
        env={'PATH': '/usr/bin:/bin', 'PYTHON_BIN': str(python)},
        capture_output=True,
        text=True,
        check=True,
    )
    report = (tmp_path / 'work_dirs/gpu_bench/benchmarks_gpu.md').read_text()
    assert report == done.stdout
    assert report.count('\n## ') == (11 if operators else 9)
    assert report.count('This command failed') == 2
    assert ('fcos' in report) == ('keypoint-rcnn' in report) == operators
    assert ('mmcv has no operators' in done.stderr) != operators
    assert 'tests fail on the GPU' in done.stderr
    configs = set(re.findall(r'configs/\S+\.py', report))
    assert len(configs) == (4 if operators else 2)
    assert all((ROOT / config).is_file() for config in configs)
    # one whose focal loss mmcv computes, which has no bfloat16
    bfloat16 = [line for line in report.splitlines() if '--train --amp bfloat16' in line]
    assert len(bfloat16) == 2 and not any('fcos' in line for line in bfloat16)
