"""The configs of Keypoint R-CNN; see :mod:`harness`."""

import pytest

from .harness import params
from .paths import EveryPath

pytestmark = pytest.mark.full_size


@pytest.mark.parametrize('path', params('keypoint_rcnn'), scope='class')
class TestKeypointRCNN(EveryPath):
    pass
