"""Vectors for texts from a frozen BERT encoder, with OpenVINO: what judges posts. It imports neither torch nor
transformers; `classifier.encoder` is the same in torch.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
from safetensors import SafetensorError, safe_open
from tokenizers import Encoding

from classifier.adapters import Adapters
from classifier.encoder_files import CONFIG, WEIGHTS, Reading, Vectors, read_tokenizer
from classifier.runtime_graph import Shape, build
from classifier.runtime_openvino import Core, InferRequest
from overheard.errors import ModelError

Precision: TypeAlias = Literal["f32", "bf16", "native"]
"""Single precision; bfloat16; or bfloat16 where the processor reckons in it, and single precision elsewhere."""


class Runtime:
    """The encoder in a folder that `classifier.encoder_files.find_encoder` vouched for.

    Each text is read alone and at its own length. So nothing is padded, and what stands beside a text cannot change
    its vector. The cores read different texts at the same time.
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
    ) -> None:
        """`depth`: how many of the layers are kept, and paid for at each reading; default: all.

        `adapters`: the layers that they change, up to `depth`, are read too and stand behind the others. `layers`: the
        only ones that will be asked for; what none of them stands on is not paid for. `cores`: how many are used;
        default: all there are. `precision`: with bfloat16 a score depends a little on the processor.
        """
        try:
            shape = Shape.model_validate_json((folder / CONFIG).read_bytes())
            self.dimensions = shape.hidden_size
            self.layers = min(depth or shape.num_hidden_layers, shape.num_hidden_layers)
            self._tokenizer = read_tokenizer(folder, positions=shape.max_position_embeddings)
            with safe_open(folder / WEIGHTS, "numpy") as file:
                graph = build(shape, file.get_tensor, depth=self.layers, adapters=adapters, layers=layers)
            if adapters:
                self.layers += self.layers - adapters.first_layer
            given = range(self.layers + 1) if layers is None else layers
            self._places = {layer: place for place, layer in enumerate(given)}
            core = Core()
            self._compiled = core.compile_model(graph, "CPU", _settings(cores, _precision(core, precision)))
            self._at_once: int = self._compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")
        except ModelError:
            raise
        except SafetensorError as error:
            raise ModelError(f"The encoder in {folder} lacks weights, or cannot be read: {error}") from error
        except Exception as error:  # the libraries raise whatever they meet in a damaged file
            raise ModelError(f"The encoder in {folder} cannot be read: {error}") from error

    def encode_layers(self, texts: Sequence[str], layers: Sequence[int]) -> Vectors:
        """One row a text, in the order given, and one vector of length one a layer: the mean over its tokens."""
        vectors = np.zeros((len(texts), len(layers), self.dimensions), dtype=np.float32)
        for index, request in self._run(self._tokenizer.encode_batch(list(texts))):
            vectors[index] = self._vectors(request, layers)
        return vectors

    def read(self, texts: Sequence[str], layers: Sequence[int]) -> list[Reading]:
        """The same with the states of the tokens. They are some hundred kilobytes a text."""
        encodings = self._tokenizer.encode_batch(list(texts))
        readings: dict[int, Reading] = {}
        for index, request in self._run(encodings):
            # Behind the vectors, and copied by `stack`: the next text is read into the same memory.
            outputs = [request.get_output_tensor(1 + self._places[layer]) for layer in layers]
            states = np.stack([output.data[0] for output in outputs], axis=1)
            readings[index] = Reading(self._vectors(request, layers), states, np.array(encodings[index].offsets))
        return [readings[index] for index in range(len(texts))]

    def _vectors(self, request: InferRequest, layers: Sequence[int]) -> Vectors:
        chosen: Vectors = request.get_output_tensor(0).data[0, [self._places[layer] for layer in layers]]
        return chosen

    def _run(self, encodings: Sequence[Encoding]) -> Iterator[tuple[int, InferRequest]]:
        """Each text's place and what was read of it, as they become ready; to be used up before the next one."""
        running: deque[tuple[int, InferRequest]] = deque()
        free = [self._compiled.create_infer_request() for _ in range(min(self._at_once, len(encodings)))]
        # By length, so that texts which are read at the same time take as long, and no core waits for another.
        for index in sorted(range(len(encodings)), key=lambda index: -len(encodings[index])):
            if not free:
                yield from self._finish(running, free)
            request = free.pop()
            request.start_async([np.array([encodings[index].ids], dtype=np.int32)])
            running.append((index, request))
        while running:
            yield from self._finish(running, free)

    @staticmethod
    def _finish(
        running: deque[tuple[int, InferRequest]], free: list[InferRequest]
    ) -> Iterator[tuple[int, InferRequest]]:
        # Waited for, not called back: OpenVINO's own threads may meet Python while it shuts down, and abort.
        index, request = running.popleft()
        request.wait()
        yield index, request
        free.append(request)


def has_bfloat16(core: Core | None = None) -> bool:
    """Whether the processor reckons in bfloat16: elsewhere it can be asked for, but is a hundred times slower."""
    return "BF16" in (core or Core()).get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def _precision(core: Core, asked: Precision) -> Precision:
    return asked if asked != "native" else "bf16" if has_bfloat16(core) else "f32"


def _settings(cores: int | None, precision: Precision) -> dict[str, object]:
    chosen: dict[str, object] = {"PERFORMANCE_HINT": "THROUGHPUT", "INFERENCE_PRECISION_HINT": precision}
    return chosen if cores is None else chosen | {"INFERENCE_NUM_THREADS": cores, "NUM_STREAMS": cores}
