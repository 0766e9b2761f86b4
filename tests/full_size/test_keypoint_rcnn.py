"""The configs of Keypoint R-CNN; see :mod:`harness`."""

import pytest

from .harness import configs
from .paths import EveryPath

pytestmark = pytest.mark.full_size


@pytest.mark.parametrize('path', configs('keypoint_rcnn'), ids=lambda p: p.stem, scope='class')
class TestKeypointRCNN(EveryPath):
    pass
