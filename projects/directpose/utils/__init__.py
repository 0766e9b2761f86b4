"""What knows nothing of poses: configs, files, images, errors, the command line."""
