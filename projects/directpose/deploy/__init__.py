"""Deployment: the fast form of a model, and ONNX export."""
