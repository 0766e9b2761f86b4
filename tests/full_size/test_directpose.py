"""The configs of DirectPose; see :mod:`harness`."""

import pytest

from .harness import params
from .paths import EveryPath

pytestmark = pytest.mark.full_size


@pytest.mark.parametrize('path', params('directpose'), scope='class')
class TestDirectPose(EveryPath):
    pass


@pytest.mark.parametrize('path', params('directpose_v2'), scope='class')
class TestDirectPoseV2(EveryPath):
    pass
