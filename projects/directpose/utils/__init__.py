"""Configs, files, images, errors, command line."""


def register_all_modules(init_default_scope: bool = True) -> None:
    """For ``mmengine.hub.get_model('directpose::…')``: importing the package has registered all."""
