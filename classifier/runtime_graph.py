"""BERT as a graph, made from the encoder's weights: of OpenVINO, which judges, and of ONNX, for who takes a release."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel

from classifier.adapters import Adapters
from classifier.runtime_openvino import Model, Node, ops

# Axes of the states: one text, its tokens, the numbers of each token.
_TOKENS, _NUMBERS = 1, 2

# Before the place of a linear layer that adapters change.
_CHANGED = "changed."


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
    ranges: Mapping[str, tuple[float, float]] | None = None,
) -> Model:
    """From the token ids of one text to a vector of length one a layer; as further outputs the states of its tokens.

    The layers are numbered 0 (the embeddings) to `depth`, behind them those that adapters change, up to the same depth.
    `layers`: which of them are given, in this order; default: all. What none of them stands on is not computed.
    `ranges`: the linear layers reckon in whole numbers of eight bits, and their inputs lie between these.
    """
    ids = ops.parameter([1, -1], np.int32)
    vectors, states = outputs(shape, weight, ids, depth=depth, adapters=adapters, layers=layers, ranges=ranges)
    return Model([vectors, *states], [ids])


def build_upper(
    shape: Shape,
    weight: Weight,
    *,
    first: int,
    layers: Sequence[int],
    ranges: Mapping[str, tuple[float, float]] | None = None,
) -> Model:
    """The same from the states behind the layer `first`, of untouched layers above it."""
    below = ops.parameter([1, -1, shape.hidden_size], np.float32)
    graph = _Graph(shape, weight, ops, prefix="", ranges=ranges, watched={})
    states = dict(enumerate(graph.layers(below, range(first, max(layers))), start=first))
    return Model([graph.means([states[layer] for layer in layers]), *(states[layer] for layer in layers)], [below])


def build_watched(shape: Shape, weight: Weight, *, depth: int, adapters: Adapters | None) -> tuple[Model, list[str]]:
    """From the token ids of one text to the lowest and the highest number that each linear layer is given; and the
    names of these places, as `ranges` of `build` has them.
    """
    ids = ops.parameter([1, -1], np.int32)
    watched: dict[str, Node] = {}
    outputs(shape, weight, ids, depth=depth, adapters=adapters, watched=watched)
    everywhere, ends = ops.constant(np.array([0, 1, 2], dtype=np.int32)), ops.constant(np.array([1, 1], dtype=np.int32))
    rows = [
        ops.concat(
            [ops.reshape(reduce(states, everywhere), ends, False) for reduce in (ops.reduce_min, ops.reduce_max)], 1
        )
        for states in watched.values()
    ]
    return Model([ops.concat(rows, 0)], [ids]), list(watched)


def outputs(
    shape: Shape,
    weight: Weight,
    ids: Node,
    *,
    depth: int,
    adapters: Adapters | None = None,
    layers: Sequence[int] | None = None,
    ranges: Mapping[str, tuple[float, float]] | None = None,
    watched: dict[str, Node] | None = None,
    ops: Any = ops,  # noqa: ANN401 - OpenVINO's module, or what has its functions
) -> tuple[Node, list[Node]]:
    """What `build` makes, as nodes: the vectors, and the states of each layer.

    `watched`: gets what each linear layer is given.
    """
    watched = {} if watched is None else watched
    graph = _Graph(shape, weight, ops, prefix="", ranges=ranges, watched=watched)
    first, last = (adapters.first_layer, 2 * depth - adapters.first_layer) if adapters else (0, depth)
    given = range(last + 1) if layers is None else layers
    untouched = max([first, *(layer for layer in given if layer <= depth)])
    states = dict(enumerate(graph.layers(graph.embeddings(ids), range(untouched))))
    if adapters:
        merged: Weight = lambda name: adapters.merge(name, weight(name))  # noqa: E731
        changed = _Graph(shape, merged, ops, prefix=_CHANGED, ranges=ranges, watched=watched)
        behind = changed.layers(states[first], range(first, depth))
        next(behind)
        states |= dict(enumerate(behind, start=depth + 1))
    found = [states[layer] for layer in given]
    return graph.means(found), found


class _Graph:
    def __init__(
        self,
        shape: Shape,
        weight: Weight,
        ops: Any,  # noqa: ANN401 - as above
        *,
        prefix: str,
        ranges: Mapping[str, tuple[float, float]] | None,
        watched: dict[str, Node],
    ) -> None:
        self._shape, self._weight, self._ops = shape, weight, ops
        self._prefix, self._ranges, self._watched = prefix, ranges, watched

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
        seen = self._attention(self._given(states, f"{name}.attention.self"), f"{name}.attention.self")
        attended = self._dense(seen, f"{name}.attention.output.dense")
        states = self._norm(self._ops.add(attended, states), f"{name}.attention.output.LayerNorm")
        inner = self._ops.gelu(self._dense(states, f"{name}.intermediate.dense"), "erf")
        return self._norm(self._ops.add(self._dense(inner, f"{name}.output.dense"), states), f"{name}.output.LayerNorm")

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

    def _dense(self, states: Node, name: str) -> Node:
        return self._linear(self._given(states, name), name)

    def _given(self, states: Node, place: str) -> Node:
        """The input of a linear layer, or of several: rounded to one of 256 numbers, of which zero is one."""
        self._watched[self._prefix + place] = states
        if self._ranges is None:
            return states
        low, high = self._ranges[self._prefix + place]
        step = (max(high, 0.0) - min(low, 0.0)) / 255
        lowest = round(min(low, 0.0) / step)
        ends = [self._ops.constant(np.float32(number * step)) for number in (lowest, lowest + 255)]
        return self._ops.fake_quantize(states, *ends, *ends, 256)

    def _linear(self, states: Node, name: str) -> Node:
        product = self._ops.matmul(states, self._matrix(f"{name}.weight"), False, True)
        return self._ops.add(product, self._constant(f"{name}.bias"))

    def _matrix(self, name: str) -> Node:
        """A linear layer's weights; rounded to one of 255 numbers, which each output has of its own."""
        if self._ranges is None:
            return self._constant(name)
        weight = self._weight(name)
        steps = np.abs(weight).max(axis=1, keepdims=True) / np.float32(127)
        whole = self._ops.constant(np.round(weight / steps).astype(np.int8))
        return self._ops.multiply(self._ops.convert(whole, "f32"), self._ops.constant(steps))

    def _norm(self, states: Node, name: str) -> Node:
        normal = self._ops.mvn(states, self.axes(_NUMBERS), True, self._shape.layer_norm_eps, "INSIDE_SQRT")
        return self._ops.add(
            self._ops.multiply(normal, self._constant(f"{name}.weight")), self._constant(f"{name}.bias")
        )

    def means(self, layers: Sequence[Node]) -> Node:
        """Of each layer's states the mean over the tokens, at length one."""
        return self._ops.concat([self._ops.unsqueeze(self._mean(states), self.axes(1)) for states in layers], 1)

    def _mean(self, states: Node) -> Node:
        return self._ops.normalize_l2(self._ops.reduce_mean(states, self.axes(_TOKENS)), self.axes(1), 1e-12, "max")

    def _constant(self, name: str) -> Node:
        return self._ops.constant(self._weight(name))

    def axes(self, *numbers: int) -> Node:
        """Numbers that say where something is done."""
        return self._ops.constant(np.array(numbers, dtype=np.int32))
