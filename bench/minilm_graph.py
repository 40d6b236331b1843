"""Write `rag/providers/minilm_skeleton.onnx`: all-MiniLM-L6-v2 as a graph without its weights.

Run it only to change the graph: `.venv/bin/python bench/minilm_graph.py`. It needs `onnx`, which is a development
dependency; the product needs neither `onnx` nor torch, because the names of the initializers made here are the names
that `rag/providers/minilm_files.py` reads from `model.safetensors`. The shapes are the model's published
configuration, so no weights are read here.

The operators are the fused ones of onnxruntime's `com.microsoft` domain, which run on its CPU provider.
"""

from __future__ import annotations

from math import prod
from pathlib import Path

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

LAYERS, HEADS, HIDDEN, INNER = 6, 12, 384, 1536
VOCABULARY, POSITIONS, TOKEN_TYPES = 30522, 512, 2
EPSILON = 1e-12
FUSED = frozenset({"EmbedLayerNormalization", "Attention", "SkipLayerNormalization", "BiasGelu"})
TARGET = Path(__file__).resolve().parents[1] / "rag" / "providers" / "minilm_skeleton.onnx"


class Graph:
    """Collects nodes and initializers; every method returns the name that the next node takes as its input."""

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.initializers: list[TensorProto] = []

    def weight(self, name: str, *shape: int) -> str:
        """Declare a float32 tensor whose values are given when the graph is loaded."""
        tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=shape)
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in (("location", "weights"), ("offset", "0"), ("length", str(4 * prod(shape)))):
            tensor.external_data.add(key=key, value=value)
        self.initializers.append(tensor)
        return name

    def axis(self, value: int) -> str:
        name = f"axis_{value}"
        self.initializers.append(numpy_helper.from_array(np.array([value], np.int64), name))
        return name

    def node(self, kind: str, inputs: list[str], *outputs: str, **attributes: object) -> str:
        domain = "com.microsoft" if kind in FUSED else ""
        self.nodes.append(helper.make_node(kind, inputs, list(outputs), domain=domain, **attributes))
        return outputs[0]


def add_embeddings(graph: Graph) -> str:
    """Add token, position and type embeddings with their normalisation; also makes `mask_index`, the lengths."""
    tables = [
        graph.weight("words", VOCABULARY, HIDDEN),
        graph.weight("positions", POSITIONS, HIDDEN),
        graph.weight("types", TOKEN_TYPES, HIDDEN),
        graph.weight("embedding_norm", HIDDEN),
        graph.weight("embedding_norm_bias", HIDDEN),
    ]
    inputs = ["input_ids", "token_type_ids", *tables, "attention_mask"]
    return graph.node("EmbedLayerNormalization", inputs, "embedded", "mask_index", epsilon=EPSILON)


def add_layer(graph: Graph, index: int, x: str) -> str:
    """Add one transformer layer over `x` and return its output."""
    p = f"layer_{index}_"
    qkv, qkv_bias = (graph.weight(f"{p}qkv", HIDDEN, 3 * HIDDEN), graph.weight(f"{p}qkv_bias", 3 * HIDDEN))
    attended = graph.node("Attention", [x, qkv, qkv_bias, "mask_index"], f"{p}attended", num_heads=HEADS)
    mixed = graph.node("MatMul", [attended, graph.weight(f"{p}out", HIDDEN, HIDDEN)], f"{p}mixed")
    middle = add_normalised_sum(graph, mixed, x, f"{p}out")
    inner = graph.node("MatMul", [middle, graph.weight(f"{p}inner", HIDDEN, INNER)], f"{p}inner_sum")
    active = graph.node("BiasGelu", [inner, graph.weight(f"{p}inner_bias", INNER)], f"{p}active")
    outer = graph.node("MatMul", [active, graph.weight(f"{p}outer", INNER, HIDDEN)], f"{p}outer_sum")
    return add_normalised_sum(graph, outer, middle, f"{p}outer")


def add_normalised_sum(graph: Graph, x: str, skip: str, name: str) -> str:
    """Add `layer_norm(x + bias + skip)`."""
    weights = [graph.weight(f"{name}_{part}", HIDDEN) for part in ("norm", "norm_bias", "bias")]
    return graph.node("SkipLayerNormalization", [x, skip, *weights], f"{name}_normed", epsilon=EPSILON)


def add_pooling(graph: Graph, x: str) -> str:
    """Add the mean over the real tokens as one product with the mask; the divisor cancels in the unit length."""
    mask = graph.node("Cast", ["attention_mask"], "mask", to=TensorProto.FLOAT)
    axis = graph.axis(1)
    row = graph.node("Unsqueeze", [mask, axis], "mask_row")
    total = graph.node("MatMul", [row, x], "total_row")
    flat = graph.node("Squeeze", [total, axis], "total")
    return graph.node("LpNormalization", [flat], "embedding", axis=-1, p=2)


def build() -> ModelProto:
    """Return the model: three int32 inputs of shape (batch, tokens), one output `embedding` of shape (batch, 384)."""
    graph = Graph()
    x = add_embeddings(graph)
    for index in range(LAYERS):
        x = add_layer(graph, index, x)
    add_pooling(graph, x)
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT32, ["batch", "tokens"])
        for name in ("input_ids", "attention_mask", "token_type_ids")
    ]
    output = helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", HIDDEN])
    proto = helper.make_graph(graph.nodes, "all-MiniLM-L6-v2", inputs, [output], graph.initializers)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(proto, opset_imports=opsets, ir_version=8)


if __name__ == "__main__":
    TARGET.write_bytes(build().SerializeToString(deterministic=True))
    print(f"{TARGET.name}: {TARGET.stat().st_size} bytes")
