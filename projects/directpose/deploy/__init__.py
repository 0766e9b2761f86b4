"""Ways of a model out of training: its fast form, and ONNX."""
