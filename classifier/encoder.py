"""Vectors for texts from a frozen BERT encoder, with torch: for training, and what `classifier.runtime` must equal."""

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import load_file
from transformers import BertConfig, BertModel

from classifier.adapters import Adapters
from classifier.encoder_files import CONFIG, WEIGHTS, Enough, Reading, Vectors, read_tokenizer
from overheard.errors import ModelError

# Texts encoded at once: larger ones gain nothing on two cores and cost memory (measured: 670 MB at 32, 283 MB at 8).
BATCH_SIZE = 32


# Added to the likeness of what is no token, so that nothing attends to it.
HIDDEN = -1e9


class Encoder:
    """The encoder in a folder that `classifier.encoder_files.find_encoder` vouched for.

    In single precision: bfloat16 is twice as fast, but a vector then depends on its neighbours in the batch by about
    0.001, and a post's score must not.
    """

    later: tuple[int, ...] = ()

    def __init__(self, folder: Path, *, depth: int | None = None, adapters: Adapters | None = None) -> None:
        """`depth`: how many of the layers are kept, and paid for at each reading; default: all.

        `adapters`: the layers that they change, up to `depth`, are read too and stand behind the others.
        """
        try:
            config = BertConfig.from_json_file(folder / CONFIG)
            config.num_hidden_layers = min(depth or config.num_hidden_layers, config.num_hidden_layers)
            self._tokenizer = read_tokenizer(folder, positions=config.max_position_embeddings)
            self._network = BertModel(config, add_pooling_layer=False)
            # The file holds a pooler and perhaps deeper layers, which `strict` would not let lie.
            weights = load_file(folder / WEIGHTS)
            missing = _load(self._network, weights)
            self._first, self._changed = 0, torch.nn.ModuleList()
            if adapters:
                changed = BertModel(config, add_pooling_layer=False).train(mode=False)
                _load(changed, {name: adapters.merge(name, weight) for name, weight in weights.items()})
                self._first, self._changed = adapters.first_layer, changed.encoder.layer[adapters.first_layer :]
        except ModelError:
            raise
        except Exception as error:  # the libraries raise whatever they meet in a damaged file
            raise ModelError(f"The encoder in {folder} cannot be read: {error}") from error
        if missing:
            raise ModelError(f"The encoder in {folder} lacks weights: {', '.join(missing)}.")
        self._network.train(mode=False)
        self._tokenizer.enable_padding(pad_id=config.pad_token_id)
        self.dimensions: int = config.hidden_size
        self.layers: int = config.num_hidden_layers + len(self._changed)

    def encode(self, texts: Sequence[str], *, batch_size: int = BATCH_SIZE) -> Vectors:
        """One row a text, in the order given, from the last layer kept (of all: as sentence-transformers does it)."""
        return self.encode_layers(texts, (self.layers,), batch_size=batch_size)[:, 0]

    def encode_layers(
        self,
        texts: Sequence[str],
        layers: Sequence[int],
        *,
        enough: Enough | None = None,
        batch_size: int = BATCH_SIZE,
    ) -> Vectors:
        """One row a text, one vector of length one a layer: the mean over its tokens. All are read.

        Batches hold texts of about one length, as padding costs as much as text (a factor of four, measured).
        """
        vectors = np.zeros((len(texts), len(layers), self.dimensions), dtype=np.float32)
        order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
        for start in range(0, len(order), batch_size):
            batch = order[start : start + batch_size]
            vectors[batch] = self._encode_batch([texts[index] for index in batch], layers)
        return vectors

    def read(
        self,
        texts: Sequence[str],
        layers: Sequence[int],
        *,
        enough: Enough | None = None,
    ) -> list[Reading]:
        """The same with the states of the tokens, one text at a time."""
        return [self._read(text, layers) for text in texts]

    def states(self, texts: Sequence[str], layer: int, *, batch_size: int = BATCH_SIZE) -> list[torch.Tensor]:
        """Per text the states of its tokens behind a layer (token, number); the layers above are not paid for."""
        found: list[torch.Tensor] = [torch.empty(0)] * len(texts)
        order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
        for start in range(0, len(order), batch_size):
            batch = order[start : start + batch_size]
            ids, mask = self._tokens([texts[index] for index in batch])
            with torch.inference_mode():
                states = next(islice(self._layers(ids, mask), layer, None))
            for index, row, length in zip(batch, states, mask.sum(dim=1).tolist(), strict=True):
                found[index] = row[:length].clone()
        return found

    def upper_layers(self, first: int) -> torch.nn.ModuleList:
        """The layers behind so many."""
        upper: torch.nn.ModuleList = self._network.encoder.layer[first:]
        return upper

    def _read(self, text: str, layers: Sequence[int]) -> Reading:
        encoding = self._tokenizer.encode(text)
        ids = torch.tensor([encoding.ids])
        with torch.inference_mode():
            found = list(self._layers(ids, torch.ones_like(ids)))
            states = torch.stack([found[layer][0] for layer in layers], dim=1)
            unit = torch.nn.functional.normalize(states.mean(dim=0), dim=-1)
        return Reading(unit.numpy(), states.numpy(), np.array(encoding.offsets))

    def _encode_batch(self, texts: list[str], layers: Sequence[int]) -> Vectors:
        ids, mask = self._tokens(texts)
        with torch.inference_mode():
            states = list(self._layers(ids, mask))
            weights = mask.unsqueeze(-1) / mask.sum(dim=1, keepdim=True).unsqueeze(-1)
            means = torch.stack([(states[layer] * weights).sum(dim=1) for layer in layers], dim=1)
            unit: Vectors = torch.nn.functional.normalize(means, dim=-1).numpy()
        return unit

    def _tokens(self, texts: list[str]) -> tuple[torch.Tensor, torch.Tensor]:
        """Ids, padded to the longest, and which of them are of tokens."""
        encodings = self._tokenizer.encode_batch(texts)
        ids = torch.tensor([encoding.ids for encoding in encodings])
        return ids, torch.tensor([encoding.attention_mask for encoding in encodings])

    def _layers(self, ids: torch.Tensor, mask: torch.Tensor) -> Iterator[torch.Tensor]:
        """The states behind each layer, those of the embeddings first, those of changed layers last."""
        hidden = (1 - mask.float())[:, None, None, :] * HIDDEN
        states = below = self._network.embeddings(input_ids=ids)
        yield states
        for number, layer in enumerate(self._network.encoder.layer, start=1):
            states = layer(states, attention_mask=hidden)
            yield states
            if number == self._first:
                below = states
        for layer in self._changed:
            below = layer(below, attention_mask=hidden)
            yield below


def _load(network: BertModel, weights: dict[str, Vectors]) -> list[str]:
    """Which weights are missing."""
    tensors = {name: torch.from_numpy(weight) for name, weight in weights.items()}
    missing: list[str] = network.load_state_dict(tensors, strict=False).missing_keys
    return missing
