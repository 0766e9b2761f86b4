"""Names that users import, also by the paths of before."""

import importlib
import sys

import directpose
import pytest
from directpose.deploy.fast_form import optimize_for_inference
from directpose.deploy.onnx_detector import OnnxDetector
from mmdet.registry import MODELS as DET_MODELS
from mmpose.registry import HOOKS, METRICS, MODELS, OPTIM_WRAPPERS, TRANSFORMS, VISUALIZERS

OLD_PATHS = {'optimize': optimize_for_inference, 'onnx_detector': OnnxDetector}
REGISTERED = {  # what configs of version 0.1 name
    DET_MODELS: (
        *('DirectPose', 'DirectPoseHead', 'KPAlign', 'SharedKPAlign', 'KeypointConv'),
        *('KeypointHeatmapHead', 'SigmoidFocalLoss', 'BlurResNet', 'PoseTTAModel'),
        *('KeypointRCNN', 'KeypointRoIHead', 'KeypointHead', 'ContextKeypointHead'),
        *('Float32RPNHead', 'Float32RoIExtractor', 'ZeroPaddedRoIExtractor'),
        'TorchvisionAnchorGenerator',
    ),
    METRICS: (
        *('ClasswiseCocoMetric', 'PersonBoxMetric', 'MatchedPCK', 'CocoSubmission'),
        'FastCocoMetric',
    ),
    HOOKS: (
        *('CheckDataHook', 'EpochSeedHook', 'FiniteLossHook', 'WholeCheckpointHook'),
        *('OptimizeForInferenceHook', 'PoseTTAHook', 'BadCaseHook'),
    ),
    OPTIM_WRAPPERS: ('BFloat16OptimWrapper',),
    VISUALIZERS: ('PeopleVisualizer',),
    TRANSFORMS: (
        *('LoadImageFile', 'PseudoBoxes', 'RandomScaleCrop', 'ResizeKeepRatio', 'RemoveCrowds'),
        *('IgnoreCrowds', 'MultiScaleFlip', 'ResizePixelAreas', 'ResizeTorchvision'),
        'PseudoBoxesOfLabelled',
    ),
}


@pytest.mark.parametrize('old', OLD_PATHS)
def test_old_paths_warn_and_work(old):
    sys.modules.pop(f'directpose.{old}', None)
    with pytest.warns(DeprecationWarning, match=f'directpose.{old} is now directpose.deploy'):
        module = importlib.import_module(f'directpose.{old}')
    assert getattr(module, OLD_PATHS[old].__name__) is OLD_PATHS[old]


def test_registered_names_stay():
    for registry, names in REGISTERED.items():
        for name in names:
            kind = registry.get(name) or MODELS.get(name) or _of_mmdet(name)
            assert kind is not None and kind.__module__.startswith('directpose.'), name


def _of_mmdet(name):
    from mmdet.registry import TASK_UTILS

    return TASK_UTILS.get(name)


def test_what_the_package_offers():
    assert all(hasattr(directpose, name) for name in directpose.__all__)
    assert directpose.config_path('directpose/directpose_r50_fpn_8xb4-100e_coco-800x1333.py')
