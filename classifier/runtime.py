"""Vectors for texts from a frozen BERT encoder, with OpenVINO: what judges posts. It imports neither torch nor
transformers; `classifier.encoder` is the same in torch.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from tokenizers import Encoding

from classifier.adapters import Adapters
from classifier.encoder_files import CONFIG, WEIGHTS, Enough, Reading, Vectors, read_tokenizer
from classifier.ranges import RANGES_FILE, Ranges
from classifier.runtime_graph import Shape, build, build_upper
from classifier.runtime_openvino import CompiledModel, Core, InferRequest
from overheard.errors import ModelError

Precision: TypeAlias = Literal["f32", "bf16", "i8", "native"]
"""Single precision; bfloat16; the linear layers in whole numbers of eight bits and the rest in what is best; `native`
stands for the first of eight bits, bfloat16 and single precision that processor and model have.
"""

# The states that wait to be read on are some hundred kilobytes a text.
_TEXTS_AT_ONCE = 128


class Runtime:
    """The encoder in a folder that `classifier.encoder_files.find_encoder` vouched for.

    Each text is read alone and at its own length. So nothing is padded, and what stands beside a text cannot change
    its vector. The cores read different texts at the same time.

    Layers that adapters change are read first. The untouched ones beside them (`later`) need not be read of each text.
    """

    def __init__(
        self,
        folder: Path,
        *,
        depth: int | None = None,
        adapters: Adapters | None = None,
        layers: Sequence[int] | None = None,
        cores: int | None = None,
        precision: Precision = "f32",
        ranges: Ranges | None = None,
    ) -> None:
        """`depth`: how many of the layers are kept, and paid for at each reading; default: all.

        `adapters`: the layers that they change, up to `depth`, are read too and stand behind the others. `layers`: the
        only ones that will be asked for; what none of them stands on is not paid for. `cores`: how many are used;
        default: all there are. `precision`: other than in single precision a score depends a little on the processor.
        `ranges`: what reckoning in eight bits needs.
        """
        try:
            shape = Shape.model_validate_json((folder / CONFIG).read_bytes())
            self.dimensions = shape.hidden_size
            self.layers = depth = min(depth or shape.num_hidden_layers, shape.num_hidden_layers)
            self._tokenizer = read_tokenizer(folder, positions=shape.max_position_embeddings)
            core = Core()
            chosen = choose_precision(precision, core=core, ranges=ranges)
            used = ranges if chosen == "i8" else None
            settings = _settings(cores, chosen if chosen != "i8" else "bf16" if has_bfloat16(core) else "f32")
            if adapters:
                self.layers += self.layers - adapters.first_layer
            given = tuple(range(self.layers + 1) if layers is None else layers)
            self._first = adapters.first_layer if adapters else depth
            self.later = tuple(layer for layer in given if self._first < layer <= depth)
            sooner = tuple(layer for layer in given if layer not in self.later)
            if self.later and self._first not in sooner:
                sooner = (*sooner, self._first)
            with safe_open(folder / WEIGHTS, "numpy") as file:
                weight = file.get_tensor
                graph = build(shape, weight, depth=depth, adapters=adapters, layers=sooner, ranges=used)
                self._lower = _Part(core.compile_model(graph, "CPU", settings), sooner)
                self._upper: _Part | None = None
                if self.later:
                    graph = build_upper(shape, weight, first=self._first, layers=self.later, ranges=used)
                    self._upper = _Part(core.compile_model(graph, "CPU", settings), self.later)
        except ModelError:
            raise
        except SafetensorError as error:
            raise ModelError(f"The encoder in {folder} lacks weights, or cannot be read: {error}") from error
        except Exception as error:  # the libraries raise whatever they meet in a damaged file
            raise ModelError(f"The encoder in {folder} cannot be read: {error}") from error

    def encode_layers(self, texts: Sequence[str], layers: Sequence[int], *, enough: Enough | None = None) -> Vectors:
        """One row a text, in the order given, and one vector of length one a layer: the mean over its tokens.

        Vectors of `later` stay zero where the others are `enough`.
        """
        vectors = np.zeros((len(texts), len(layers), self.dimensions), dtype=np.float32)
        for start in range(0, len(texts), _TEXTS_AT_ONCE):
            encodings = self._tokenizer.encode_batch(list(texts[start : start + _TEXTS_AT_ONCE]))
            for _ in self._read(encodings, layers, vectors[start : start + _TEXTS_AT_ONCE], enough):
                pass
        return vectors

    def read(self, texts: Sequence[str], layers: Sequence[int], *, enough: Enough | None = None) -> list[Reading]:
        """The same with the states of the tokens. They are some hundred kilobytes a text."""
        encodings = self._tokenizer.encode_batch(list(texts))
        vectors = np.zeros((len(texts), len(layers), self.dimensions), dtype=np.float32)
        states = [np.zeros((len(encoding), len(layers), self.dimensions), dtype=np.float32) for encoding in encodings]
        for index, read in self._read(encodings, layers, vectors, enough):
            read.put_states(layers, states[index])
        return [
            Reading(vectors[index], states[index], np.array(encoding.offsets))
            for index, encoding in enumerate(encodings)
        ]

    def _read(
        self, encodings: Sequence[Encoding], layers: Sequence[int], vectors: Vectors, enough: Enough | None
    ) -> Iterator[tuple[int, "_Read"]]:
        """Fills in each text's vectors. Gives its place and what was read of it, to be used up before the next; once
        more for what is read later.
        """
        below: dict[int, Vectors] = {}
        for index, read in self._lower.run({i: np.array([one.ids], dtype=np.int32) for i, one in enumerate(encodings)}):
            read.put_vectors(layers, vectors[index])
            yield index, read
            if self._upper and not (enough and enough(vectors[index])):
                below[index] = read.states(self._first).copy()
        for index, read in self._upper.run(below) if self._upper else ():
            read.put_vectors(layers, vectors[index])
            yield index, read


class _Read:
    """What stands in a request that is done."""

    def __init__(self, request: InferRequest, places: Mapping[int, int]) -> None:
        self._request, self._places = request, places

    def put_vectors(self, layers: Sequence[int], into: Vectors) -> None:
        """Those of the layers that were read."""
        for column, layer in enumerate(layers):
            if layer in self._places:
                into[column] = self._request.get_output_tensor(0).data[0, self._places[layer]]

    def put_states(self, layers: Sequence[int], into: Vectors) -> None:
        for column, layer in enumerate(layers):
            if layer in self._places:
                into[:, column] = self.states(layer)[0]

    def states(self, layer: int) -> Vectors:
        """Behind the vectors; the next text is read into the same memory."""
        found: Vectors = self._request.get_output_tensor(1 + self._places[layer]).data
        return found


class _Part:
    """A graph that gives some layers, and what runs it."""

    def __init__(self, compiled: CompiledModel, layers: Sequence[int]) -> None:
        self._compiled, self._places = compiled, {layer: place for place, layer in enumerate(layers)}
        self._at_once: int = compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")

    def run(self, inputs: Mapping[int, npt.NDArray[Any]]) -> Iterator[tuple[int, _Read]]:
        """Each input's name and what was read of it, as they become ready; to be used up before the next one."""
        running: deque[tuple[int, InferRequest]] = deque()
        # One more than there are streams, so that no core waits while what was read is put away.
        free = [self._compiled.create_infer_request() for _ in range(min(self._at_once + 1, len(inputs)))]
        # By length, so that texts which are read at the same time take as long, and no core waits for another.
        for index in sorted(inputs, key=lambda index: -inputs[index].shape[1]):
            if not free:
                yield from self._finish(running, free)
            request = free.pop()
            request.start_async([inputs[index]])
            running.append((index, request))
        while running:
            yield from self._finish(running, free)

    def _finish(
        self, running: deque[tuple[int, InferRequest]], free: list[InferRequest]
    ) -> Iterator[tuple[int, _Read]]:
        # Waited for, not called back: OpenVINO's own threads may meet Python while it shuts down, and abort.
        index, request = running.popleft()
        request.wait()
        yield index, _Read(request, self._places)
        free.append(request)


def has_bfloat16(core: Core | None = None) -> bool:
    """Whether the processor reckons in bfloat16: elsewhere it can be asked for, but is a hundred times slower."""
    return "BF16" in (core or Core()).get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def has_eight_bits() -> bool:
    """Whether the processor multiplies whole numbers of eight bits by instructions made for it (VNNI, AMX): elsewhere
    they are slower than single precision, or overflow. Told on Linux alone.
    """
    flags = Path("/proc/cpuinfo")
    return flags.exists() and any(f"{name} " in flags.read_text() for name in ("avx512_vnni", "avx_vnni", "amx_int8"))


def choose_precision(asked: Precision, *, ranges: Ranges | None, core: Core | None = None) -> Precision:
    """What is meant by `native` on this processor; eight bits need ranges."""
    if asked == "i8" and ranges is None:
        message = f"There is no {RANGES_FILE} beside the model, which reckoning in eight bits needs."
        raise ModelError(f"{message} Let `overheard first-stage` measure it, or set OVERHEARD_PRECISION=native.")
    if asked != "native":
        return asked
    return "i8" if ranges and has_eight_bits() else "bf16" if has_bfloat16(core) else "f32"


def _settings(cores: int | None, precision: Precision) -> dict[str, object]:
    chosen: dict[str, object] = {"PERFORMANCE_HINT": "THROUGHPUT", "INFERENCE_PRECISION_HINT": precision}
    return chosen if cores is None else chosen | {"INFERENCE_NUM_THREADS": cores, "NUM_STREAMS": cores}
