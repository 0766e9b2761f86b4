"""Hooks that test a model in its fast form or with test-time augmentation."""

from mmengine.dataset import BaseDataset, Compose
from mmengine.hooks import EMAHook, Hook
from mmpose.registry import HOOKS, MODELS

from ..deploy.fast_form import optimize_for_inference
from ..utils.errors import InputError
from .dist import unwrap_model


@HOOKS.register_module()
class OptimizeForInferenceHook(Hook):
    """Test the model in its fast form. The validation during a training leaves it as it is.

    A model with an ``EMAHook`` is tested as it is, for that exchanges the weights after this.
    """

    def before_test(self, runner) -> None:
        """Call :func:`optimize_for_inference`; the weights are loaded by then."""
        if not any(isinstance(hook, EMAHook) for hook in runner.hooks):
            optimize_for_inference(unwrap_model(runner.model))


@HOOKS.register_module()
class PoseTTAHook(Hook):
    """Test with the ``tta_pipeline`` and the ``tta_model`` of the config.

    The names are those of mmengine's ``build_runner_with_tta``, which mmpose's test tool does not
    call. Everything else, the validation too, goes by the plain pipeline.
    """

    priority = 'LOW'  # after what changes the model itself

    def before_test(self, runner) -> None:
        """Exchange the pipeline and wrap the model; the weights are loaded by then.

        Raises:
            InputError: the pipelines are those of datasets in a wrapper.
        """
        dataset = runner.test_dataloader.dataset
        if not isinstance(dataset, BaseDataset):
            raise InputError(
                f'PoseTTAHook cannot exchange the pipelines in a {type(dataset).__name__}; test '
                'its datasets one by one'
            )
        dataset.pipeline = Compose(runner.cfg.tta_pipeline)
        runner.model = MODELS.build({**runner.cfg.tta_model, 'module': runner.model})
