from .directpose import *  # noqa: F403
