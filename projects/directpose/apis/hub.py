"""Our models where OpenMMLab looks for models by name."""

import functools

import mmengine.hub.hub
from mmengine.config import Config
from mmengine.config.utils import MODULE2PACKAGE
from mmpose.apis.inferencers.base_mmpose_inferencer import BaseMMPoseInferencer

from ..utils.config import PACKAGE, config_path, read_config
from ..weights.zoo import MODELS, SCHEME, register_scheme


def register_models() -> None:
    """Let mmengine's hub, its checkpoint loader and mmpose's inferencers find our models."""
    register_scheme()
    extend_hub()
    extend_inferencers()


def extend_hub() -> None:
    """``mmengine.hub`` knows ``directpose::…``, also of a package installed from a clone."""
    MODULE2PACKAGE['directpose'] = 'directpose'
    theirs = mmengine.hub.hub.get_installed_path
    if hasattr(theirs, '__wrapped__'):
        return

    @functools.wraps(theirs)
    def get_installed_path(package: str) -> str:
        return PACKAGE if package == 'directpose' else theirs(package)

    mmengine.hub.hub.get_installed_path = get_installed_path


def extend_inferencers() -> None:
    """mmpose's inferencers know our names; what mmpose has by the same name goes first."""
    theirs = BaseMMPoseInferencer._load_model_from_metafile
    if hasattr(theirs, '__wrapped__'):
        return

    @functools.wraps(theirs)
    def load_model_from_metafile(self, model: str) -> tuple[Config, str]:
        try:
            return theirs(self, model)
        except ValueError:
            name = model.lower().removeprefix(SCHEME)
            if name not in MODELS:
                raise
            return read_config(config_path(MODELS[name].config)), SCHEME + name

    BaseMMPoseInferencer._load_model_from_metafile = load_model_from_metafile
