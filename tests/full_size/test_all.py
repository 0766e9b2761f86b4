"""Nothing is forgotten."""

import pytest
from helpers.commands import call

from .harness import CONFIGS, LEFT_OUT, NOT_EXPORTED, all_configs, params

FOLDERS = ('directpose', 'directpose_v2', 'keypoint_rcnn')
pytestmark = pytest.mark.full_size


def test_every_config_is_taken_through_or_named():
    taken = [p.id for folder in FOLDERS for p in params(folder)]
    assert sorted(taken) == sorted(path.stem for path in all_configs())
    assert {path.stem for path in CONFIGS} - set(taken) == LEFT_OUT.keys()


def test_what_is_not_exported_is_refused(tmp_path):
    """By the tool, in a sentence; others go on to the checkpoint, which is not there."""
    others = [next(p for p in all_configs() if p.parent.name == folder) for folder in FOLDERS]
    for path in [p for p in all_configs() if p.stem in NOT_EXPORTED] + others:
        done = call('export_onnx', path, tmp_path / 'no.pth', tmp_path / 'model.onnx')
        words = NOT_EXPORTED.get(path.stem, 'cannot read the checkpoint')
        assert done.returncode == 1 and words in done.stderr, path
