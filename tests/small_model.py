"""A small ONNX model with the inputs and outputs of a crop model, made without training."""

from __future__ import annotations

import numpy as np


def small_onnx(*, dates: int = 3, classes: int = 2, seed: int = 0, external: bool = False) -> bytes:
    """Make a document: probabilities = softmax(mean over time of series @ weight * share of valid dates)."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    weight = np.random.default_rng(seed).normal(size=(13, classes)).astype(np.float32)
    tensor = numpy_helper.from_array(weight, "weight")
    if external:
        from onnx.external_data_helper import set_external_data

        set_external_data(tensor, location="weights.bin")
    nodes = [
        helper.make_node("ReduceMean", ["series"], ["mean"], axes=[1], keepdims=0),
        helper.make_node("MatMul", ["mean", "weight"], ["product"]),
        helper.make_node("Cast", ["valid"], ["count"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["count"], ["share"], axes=[1], keepdims=1),
        helper.make_node("Mul", ["product", "share"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    graph = helper.make_graph(
        nodes, "small",
        [
            helper.make_tensor_value_info("series", TensorProto.FLOAT, ["n", dates, 13]),
            helper.make_tensor_value_info("valid", TensorProto.BOOL, ["n", dates]),
        ],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", classes])],
        [tensor],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    document: bytes = model.SerializeToString()
    assert onnx.load_model_from_string(document).graph.name == "small"
    return document
