"""The fast form of a model in a test."""

from mmengine.hooks import EMAHook, Hook
from mmpose.registry import HOOKS

from ..deploy.fast_form import optimize_for_inference
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
