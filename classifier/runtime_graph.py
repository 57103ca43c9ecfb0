"""BERT as a graph, made from the encoder's weights: of OpenVINO, which judges, and of ONNX, for who takes a release."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel

from classifier.adapters import Adapters
from classifier.runtime_openvino import Model, Node, ops

# Axes of the states: one text, its tokens, the numbers of each token.
_TOKENS, _NUMBERS = 1, 2


class Shape(BaseModel):
    """What the graph needs of an encoder's `config.json`."""

    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    layer_norm_eps: float
    max_position_embeddings: int


Weight = Callable[[str], npt.NDArray[np.float32]]


def build(
    shape: Shape,
    weight: Weight,
    *,
    depth: int,
    adapters: Adapters | None = None,
    layers: Sequence[int] | None = None,
) -> Model:
    """From the token ids of one text to a vector of length one a layer; as further outputs the states of its tokens.

    The layers are numbered 0 (the embeddings) to `depth`, behind them those that adapters change, up to the same depth.
    `layers`: which of them are given, in this order; default: all. What none of them stands on is not computed.
    """
    ids = ops.parameter([1, -1], np.int32)
    vectors, states = outputs(shape, weight, ids, depth=depth, adapters=adapters, layers=layers)
    return Model([vectors, *states], [ids])


def outputs(
    shape: Shape,
    weight: Weight,
    ids: Node,
    *,
    depth: int,
    adapters: Adapters | None = None,
    layers: Sequence[int] | None = None,
    ops: Any = ops,  # noqa: ANN401 - OpenVINO's module, or what has its functions
) -> tuple[Node, list[Node]]:
    """What `build` makes, as nodes: the vectors, and the states of each layer."""
    graph = _Graph(shape, weight, ops)
    first, last = (adapters.first_layer, 2 * depth - adapters.first_layer) if adapters else (0, depth)
    given = range(last + 1) if layers is None else layers
    untouched = max([first, *(layer for layer in given if layer <= depth)])
    states = dict(enumerate(graph.layers(graph.embeddings(ids), range(untouched))))
    if adapters:
        changed = _Graph(shape, lambda name: adapters.merge(name, weight(name)), ops)
        behind = changed.layers(states[first], range(first, depth))
        next(behind)
        states |= dict(enumerate(behind, start=depth + 1))
    vectors = [ops.unsqueeze(graph.mean(states[layer]), graph.axes(1)) for layer in given]
    return ops.concat(vectors, 1), [states[layer] for layer in given]


class _Graph:
    def __init__(self, shape: Shape, weight: Weight, ops: Any) -> None:  # noqa: ANN401 - as above
        self._shape, self._weight, self._ops = shape, weight, ops

    def layers(self, states: Node, numbers: range) -> Iterator[Node]:
        """These states, and those behind each of some layers."""
        yield states
        for number in numbers:
            states = self._layer(states, f"encoder.layer.{number}")
            yield states

    def embeddings(self, ids: Node) -> Node:
        """What the first layer is given."""
        words = self._ops.gather(self._constant("embeddings.word_embeddings.weight"), ids, self.axes(0))
        # Every token is of the first of BERT's two texts, so its kind is as fixed as its place.
        places = self._weight("embeddings.position_embeddings.weight")
        places = places + self._weight("embeddings.token_type_embeddings.weight")[0]
        length = self._ops.gather(self._ops.shape_of(ids, "i32"), self.axes(1), self.axes(0))
        placed = self._ops.slice(self._ops.constant(places), self.axes(0), length, self.axes(1), self.axes(0))
        return self._norm(self._ops.add(words, placed), "embeddings.LayerNorm")

    def _layer(self, states: Node, name: str) -> Node:
        attended = self._linear(self._attention(states, f"{name}.attention.self"), f"{name}.attention.output.dense")
        states = self._norm(self._ops.add(attended, states), f"{name}.attention.output.LayerNorm")
        inner = self._ops.gelu(self._linear(states, f"{name}.intermediate.dense"), "erf")
        return self._norm(
            self._ops.add(self._linear(inner, f"{name}.output.dense"), states), f"{name}.output.LayerNorm"
        )

    def _attention(self, states: Node, name: str) -> Node:
        heads, width = self._shape.num_attention_heads, self._shape.hidden_size // self._shape.num_attention_heads
        swap = self.axes(0, 2, 1, 3)  # tokens and heads
        query, key, value = (
            self._ops.transpose(
                self._ops.reshape(self._linear(states, f"{name}.{part}"), self.axes(1, -1, heads, width), False), swap
            )
            for part in ("query", "key", "value")
        )
        likeness = self._ops.multiply(
            self._ops.matmul(query, key, False, True), self._ops.constant(np.float32(width**-0.5))
        )
        mixed = self._ops.transpose(self._ops.matmul(self._ops.softmax(likeness, -1), value, False, False), swap)
        return self._ops.reshape(mixed, self.axes(1, -1, self._shape.hidden_size), False)

    def _linear(self, states: Node, name: str) -> Node:
        product = self._ops.matmul(states, self._constant(f"{name}.weight"), False, True)
        return self._ops.add(product, self._constant(f"{name}.bias"))

    def _norm(self, states: Node, name: str) -> Node:
        normal = self._ops.mvn(states, self.axes(_NUMBERS), True, self._shape.layer_norm_eps, "INSIDE_SQRT")
        return self._ops.add(
            self._ops.multiply(normal, self._constant(f"{name}.weight")), self._constant(f"{name}.bias")
        )

    def mean(self, states: Node) -> Node:
        """The mean over the tokens, at length one."""
        return self._ops.normalize_l2(self._ops.reduce_mean(states, self.axes(_TOKENS)), self.axes(1), 1e-12, "max")

    def _constant(self, name: str) -> Node:
        return self._ops.constant(self._weight(name))

    def axes(self, *numbers: int) -> Node:
        """Numbers that say where something is done."""
        return self._ops.constant(np.array(numbers, dtype=np.int32))
