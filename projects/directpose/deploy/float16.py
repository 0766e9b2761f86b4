"""Exported models whose convolutions are in float16, in files of half the size."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from ..utils.io import write_bytes

# Most of the work and of the weights
WEIGHTED = ('Conv', 'ConvTranspose', 'Gemm')
# What stays in float16 between two of these
BETWEEN = ('Relu', 'MaxPool')


def halve_onnx(path: str, out: str) -> None:
    """Write an exported model whose convolutions and linear layers compute in float16.

    Inputs, outputs, normalisation, sums and all coordinates stay float32. A GPU computes float16;
    onnxruntime on a CPU computes float32 with the rounded weights.

    Args:
        path: of a file of :func:`export_onnx`.
        out: where to write.
    """
    model = onnx.load(path)
    halved = Halved(model.graph)
    del model.graph.node[:], model.graph.initializer[:]
    model.graph.node.extend(halved.nodes)
    model.graph.initializer.extend(halved.initializers.values())
    onnx.checker.check_model(model)
    write_bytes(model.SerializeToString(), out)


class Halved:
    """The nodes of a graph, some of them in float16, and its weights.

    Args:
        graph: whose nodes come after those that they read.
    """

    def __init__(self, graph: onnx.GraphProto) -> None:
        self.initializers = {tensor.name: tensor for tensor in graph.initializer}
        self.nodes: list[onnx.NodeProto] = []
        self.exact, self.half = {i.name for i in graph.input}, set[str]()
        for node in graph.node:
            self.add(node)
        for output in graph.output:
            self.in_float32(output.name)
        used = {name for node in self.nodes for name in node.input}
        self.initializers = {k: v for k, v in self.initializers.items() if k in used}

    def add(self, node: onnx.NodeProto) -> None:
        """Add a node, in float16 if that spares something."""
        follows = node.op_type in BETWEEN and node.input[0] in self.half
        if node.op_type in WEIGHTED or follows:
            node.input[:] = [self.in_float16(name) for name in node.input]
            self.half.update(node.output)
            node.output[:] = [half_name(name) for name in node.output]
        else:
            node.input[:] = [self.in_float32(name) for name in node.input]
            self.exact.update(node.output)
        self.nodes.append(node)

    def in_float16(self, name: str) -> str:
        """Name of a tensor in float16, which is made if there is none."""
        half = half_name(name)
        if name in self.initializers and half not in self.initializers:
            weight = numpy_helper.to_array(self.initializers[name]).astype(np.float16)
            self.initializers[half] = numpy_helper.from_array(weight, half)
        elif name and name not in self.half and name not in self.initializers:
            self.half.add(name)
            self.nodes.append(helper.make_node('Cast', [name], [half], to=TensorProto.FLOAT16))
        return half if name else name

    def in_float32(self, name: str) -> str:
        """Name of a tensor as it was, which is made if there is only one in float16."""
        if name in self.half and name not in self.exact:
            self.exact.add(name)
            half = half_name(name)
            self.nodes.append(helper.make_node('Cast', [half], [name], to=TensorProto.FLOAT))
        return name


def half_name(name: str) -> str:
    """Name of a tensor in float16."""
    return f'{name}_float16'
