#!/usr/bin/env python3
"""Writes the ONNX files that tests/tools/interchange/test_onnx.cc compares with, by the onnx package.

    pip install onnx; python3 interchange_golden.py ../golden

interchange.onnx has its arrays as bytes, and
interchange_lists.onnx as lists of numbers, as other programs write them.
"""

import sys

import numpy as np
from onnx import TensorProto, helper, numpy_helper

(FOLDER,) = sys.argv[1:]


def array(name, values, dtype, lists):
    values = np.array(values, dtype)
    if not lists:
        return numpy_helper.from_array(values, name)
    kinds = {np.float32: TensorProto.FLOAT, np.int64: TensorProto.INT64}
    return helper.make_tensor(name, kinds[dtype], values.shape, values.ravel())


def named(node):
    node.name = node.output[0]
    return node


for lists in [False, True]:
    arrays = [
        array("layer.0.weight", [[0.5, -1.25, 3], [1e-30, 7, -0.0]], np.float32, lists),
        array("layer.0.bias", [0.1, -300.5], np.float32, lists),
        array("c0", [1], np.int64, lists),
        array("c1", [0, 300], np.int64, lists),
        array("c2", [0.25, -2], np.float32, lists),
    ]
    nodes = [
        helper.make_node("Transpose", ["layer.0.weight"], ["v0"], perm=[1, 0]),
        helper.make_node("MatMul", ["x", "v0"], ["v1"]),
        helper.make_node("Add", ["v1", "layer.0.bias"], ["v2"]),
        helper.make_node("Relu", ["v2"], ["v3"]),
        helper.make_node("ReduceSum", ["v3", "c0"], ["v4"], keepdims=0),
        helper.make_node("Unsqueeze", ["c1", "c0"], ["v5"]),
        helper.make_node("ScatterND", ["v4", "v5", "c2"], ["y"], reduction="add"),
    ]
    graph = helper.make_graph(
        [named(n) for n in nodes],
        "network",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch"])],
        arrays,
    )
    model = helper.make_model(
        graph,
        ir_version=8,
        producer_name="eqnn",
        opset_imports=[helper.make_opsetid("", 18)],
    )
    helper.set_model_props(model, {"run_id": "0123456789abcdef"})
    with open(f"{FOLDER}/interchange{'_lists' if lists else ''}.onnx", "wb") as file:
        file.write(model.SerializeToString(deterministic=True))
