"""Our models where OpenMMLab looks for models by name."""

import functools

from mmengine.config import Config
from mmengine.config.utils import MODULE2PACKAGE
from mmpose.apis.inferencers.base_mmpose_inferencer import BaseMMPoseInferencer

from ..utils.config import config_path, read_config
from ..weights.zoo import MODELS, SCHEME, register_scheme


def register_models() -> None:
    """Let mmengine's hub, its checkpoint loader and mmpose's inferencers find our models.

    What mmpose knows by the same name goes first.
    """
    register_scheme()
    MODULE2PACKAGE['directpose'] = 'directpose'
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
