"""What knows nothing of poses: configs, files, errors, the command line."""
