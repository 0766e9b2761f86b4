"""Nothing is forgotten."""

from .harness import CONFIGS, LEFT_OUT, configs


def test_every_config_is_taken_through_or_named():
    taken = {*configs('directpose'), *configs('keypoint_rcnn')}
    assert {path.stem for path in CONFIGS if path not in taken} == LEFT_OUT.keys()
