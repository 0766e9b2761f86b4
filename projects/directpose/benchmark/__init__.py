"""Speed and accuracy, side by side with other detectors."""
