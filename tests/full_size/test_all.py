"""Nothing is forgotten."""

import pytest
from helpers.commands import call

from .harness import CONFIGS, LEFT_OUT, NOT_EXPORTED, configs

pytestmark = pytest.mark.full_size


def test_every_config_is_taken_through_or_named():
    taken = {*configs('directpose'), *configs('keypoint_rcnn')}
    assert {path.stem for path in CONFIGS if path not in taken} == LEFT_OUT.keys()


@pytest.mark.parametrize('folder', ['directpose', 'keypoint_rcnn'])
def test_what_is_not_exported_is_refused(folder, tmp_path):
    """By the tool, in a sentence; the others go on to the checkpoint, which is not there."""
    for path in configs(folder):
        done = call('export_onnx', path, tmp_path / 'no.pth', tmp_path / 'model.onnx')
        words = NOT_EXPORTED.get(path.stem, 'cannot read the checkpoint')
        words = 'give a config of DirectPose' if folder == 'keypoint_rcnn' else words
        assert done.returncode == 1 and words in done.stderr, path
