"""A whole model as one ONNX file: token ids of a text in, its score and the probabilities of the nine intents out.

The encoder is the graph that judges (`classifier.runtime_graph`), made of ONNX's operations instead of OpenVINO's.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from safetensors import safe_open

from classifier.adapters import read_adapters
from classifier.encoder_files import CONFIG, WEIGHTS
from classifier.head import IS_LEAD, Doubles, Head, Scheme, read_head, read_scheme
from classifier.model import depth_of
from classifier.runtime_graph import Shape, outputs

_OPSET = 20
INPUT, SCORE, PROBABILITIES = "input_ids", "score", "probabilities"


def model_bytes(folder: Path, encoder: Path) -> bytes:
    """The model in a folder, on the encoder in another one, as the content of an ONNX file.

    It takes one text at a time at its own length, `[1, tokens]`, so nothing is padded.
    """
    scheme, adapters = read_scheme(folder), read_adapters(folder)
    shape = Shape.model_validate_json((encoder / CONFIG).read_bytes())
    ops = _Ops()
    with safe_open(encoder / WEIGHTS, "numpy") as file:
        depth = min(depth_of(folder, adapters), shape.num_hidden_layers)
        vectors, _ = outputs(
            shape, file.get_tensor, INPUT, depth=depth, adapters=adapters, layers=scheme.layers, ops=ops
        )
    _judge(ops, vectors, scheme, read_head(folder))
    graph = helper.make_graph(
        ops.nodes,
        scheme.name,
        [helper.make_tensor_value_info(INPUT, TensorProto.INT64, [1, "tokens"])],
        [
            helper.make_tensor_value_info(SCORE, TensorProto.FLOAT, [1]),
            helper.make_tensor_value_info(PROBABILITIES, TensorProto.FLOAT, [1, len(scheme.intents)]),
        ],
        ops.constants(),
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], producer_name="overheard")
    helper.set_model_props(
        model,
        {
            "intents": " ".join(scheme.intents),
            "threshold": str(scheme.threshold),
            "encoder_sha256": scheme.encoder,
        },
    )
    onnx.checker.check_model(model)
    content: bytes = model.SerializeToString()
    return content


def scores(content: bytes, texts: Sequence[Sequence[int]]) -> Doubles:
    """What ONNX Runtime says of texts that were cut into tokens."""
    runtime = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    found: Doubles = np.array(
        [runtime.run([SCORE], {INPUT: np.array([ids], dtype=np.int64)})[0][0] for ids in texts], dtype=np.float64
    )
    return found


def _judge(ops: "_Ops", vectors: str, scheme: Scheme, head: Head) -> None:
    """What `Head.log_probabilities` and `classifier.model.calibrate` reckon."""
    flat = ops.reshape(vectors, ops.constant(np.array([1, -1])), False)
    inputs = ops.add_node("Div", ops.add_node("Sub", flat, ops.constant(head.mean)), ops.constant(head.scale))
    said = []
    for member in range(len(head.hidden_weight)):
        hidden = ops.matmul(inputs, ops.constant(head.hidden_weight[member]), False, False)
        hidden = ops.add_node("Relu", ops.add(hidden, ops.constant(head.hidden_bias[member])))
        output = ops.matmul(hidden, ops.constant(head.output_weight[member]), False, False)
        said.append(ops.add(output, ops.constant(head.output_bias[member])))
    logits = ops.add_node("Mean", *said)
    sides = [np.flatnonzero(IS_LEAD), np.flatnonzero(~IS_LEAD)]
    parts = [ops.gather(logits, ops.constant(side), ops.constant(np.array([1]))) for side in sides]
    sums = [ops.add_node("ReduceLogSumExp", part, ops.constant(np.array([1]))) for part in parts]
    odds = ops.multiply(ops.add_node("Sub", *sums), ops.constant(np.float32(scheme.slope)))
    score = ops.add_node("Sigmoid", ops.add(odds, ops.constant(np.float32(scheme.intercept))))
    rest = ops.add_node("Sub", ops.constant(np.float32(1)), score)
    shares = [ops.multiply(ops.softmax(part, 1), share) for part, share in zip(parts, (score, rest), strict=True)]
    order = np.argsort(np.concatenate(sides))
    ops.add_node("Gather", ops.concat(shares, 1), ops.constant(order), axis=1, to=PROBABILITIES)
    ops.add_node("Reshape", score, ops.constant(np.array([-1])), to=SCORE)


class _Ops:
    """The functions of OpenVINO's `ops` that `classifier.runtime_graph` calls, and a few more, as nodes of ONNX.

    A node is the name of what it gives.
    """

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, npt.NDArray[np.generic]] = {}

    def constants(self) -> list[onnx.TensorProto]:
        """Those that some node reads: of a weight that is read turned round only the turned one is kept."""
        read = {name for node in self.nodes for name in node.input}
        return [numpy_helper.from_array(array, name) for name, array in self._constants.items() if name in read]

    def add_node(self, kind: str, *inputs: str, to: str | None = None, **settings: Any) -> str:  # noqa: ANN401 - as ONNX has it
        """A node of a kind that ONNX names."""
        name = to or f"{kind}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **settings))
        return name

    def constant(self, value: npt.ArrayLike) -> str:
        array = np.asarray(value)
        if array.dtype.kind == "i":
            array = array.astype(np.int64)  # the one integer that all operations take
        name = f"constant_{len(self._constants)}"
        self._constants[name] = np.ascontiguousarray(array).reshape(array.shape)
        return name

    def _numbers(self, name: str) -> list[int]:
        return [int(number) for number in np.atleast_1d(self._constants[name])]

    def gather(self, data: str, indices: str, axis: str) -> str:
        return self.add_node("Gather", data, indices, axis=self._numbers(axis)[0])

    def shape_of(self, data: str, _kind: str) -> str:
        return self.add_node("Shape", data)

    def slice(self, data: str, start: str, stop: str, step: str, axes: str) -> str:
        return self.add_node("Slice", data, start, stop, axes, step)

    def add(self, one: str, other: str) -> str:
        return self.add_node("Add", one, other)

    def multiply(self, one: str, other: str) -> str:
        return self.add_node("Mul", one, other)

    def gelu(self, data: str, _kind: str) -> str:
        return self.add_node("Gelu", data)

    def transpose(self, data: str, order: str) -> str:
        return self.add_node("Transpose", data, perm=self._numbers(order))

    def reshape(self, data: str, shape: str, _zero: bool) -> str:  # noqa: FBT001 - as OpenVINO has it
        return self.add_node("Reshape", data, shape)

    def matmul(self, one: str, other: str, _turn_one: bool, turn_other: bool) -> str:  # noqa: FBT001 - as OpenVINO has it
        if turn_other and other in self._constants:
            other = self.constant(self._constants[other].T)
        elif turn_other:
            other = self.add_node("Transpose", other, perm=[0, 1, 3, 2])
        return self.add_node("MatMul", one, other)

    def softmax(self, data: str, axis: int) -> str:
        return self.add_node("Softmax", data, axis=axis)

    def mvn(self, data: str, axes: str, _variance: bool, epsilon: float, _mode: str) -> str:  # noqa: FBT001 - as OpenVINO has it
        [axis] = self._numbers(axes)
        one = self.constant(np.ones(1, dtype=np.float32))
        return self.add_node("LayerNormalization", data, one, axis=axis, epsilon=epsilon)

    def reduce_mean(self, data: str, axes: str) -> str:
        return self.add_node("ReduceMean", data, axes, keepdims=0)

    def normalize_l2(self, data: str, axes: str, epsilon: float, _mode: str) -> str:
        length = self.add_node("ReduceL2", data, axes, keepdims=1)
        return self.add_node("Div", data, self.add_node("Max", length, self.constant(np.float32(epsilon**0.5))))

    def unsqueeze(self, data: str, axes: str) -> str:
        return self.add_node("Unsqueeze", data, axes)

    def concat(self, parts: Sequence[str], axis: int) -> str:
        return self.add_node("Concat", *parts, axis=axis)
