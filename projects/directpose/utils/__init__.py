"""Utilities: configs, files, images, errors, the command line."""
