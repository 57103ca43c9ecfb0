"""Vectors for texts from a frozen BERT encoder, with torch: for training, and what `classifier.runtime` must equal."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from transformers import BertConfig, BertModel

from classifier.encoder_files import CONFIG, WEIGHTS, Reading, Vectors, read_tokenizer
from overheard.errors import ModelError

# Texts encoded at once: larger ones gain nothing on two cores and cost memory (measured: 670 MB at 32, 283 MB at 8).
BATCH_SIZE = 32


class Encoder:
    """The encoder in a folder that `classifier.encoder_files.find_encoder` vouched for.

    In single precision: bfloat16 is twice as fast, but a vector then depends on its neighbours in the batch by about
    0.001, and a post's score must not.
    """

    def __init__(self, folder: Path, *, depth: int | None = None) -> None:
        """`depth`: how many of the layers are kept, and paid for at each reading; default: all."""
        try:
            config = BertConfig.from_json_file(folder / CONFIG)
            config.num_hidden_layers = min(depth or config.num_hidden_layers, config.num_hidden_layers)
            self._tokenizer = read_tokenizer(folder, positions=config.max_position_embeddings)
            self._network = BertModel(config, add_pooling_layer=False)
            # The file holds a pooler and perhaps deeper layers, which `strict` would not let lie.
            missing = self._network.load_state_dict(load_file(folder / WEIGHTS), strict=False).missing_keys
        except Exception as error:  # the libraries raise whatever they meet in a damaged file
            raise ModelError(f"The encoder in {folder} cannot be read: {error}") from error
        if missing:
            raise ModelError(f"The encoder in {folder} lacks weights: {', '.join(missing)}.")
        self._network.train(mode=False)
        self._tokenizer.enable_padding(pad_id=config.pad_token_id)
        self.dimensions: int = config.hidden_size
        self.layers: int = config.num_hidden_layers

    def encode(self, texts: Sequence[str], *, batch_size: int = BATCH_SIZE) -> Vectors:
        """One row a text, in the order given, from the last layer kept (of all: as sentence-transformers does it)."""
        return self.encode_layers(texts, (self.layers,), batch_size=batch_size)[:, 0]

    def encode_layers(self, texts: Sequence[str], layers: Sequence[int], *, batch_size: int = BATCH_SIZE) -> Vectors:
        """One row a text, one vector of length one a layer: the mean over its tokens.

        Batches hold texts of about one length, as padding costs as much as text (a factor of four, measured).
        """
        vectors = np.zeros((len(texts), len(layers), self.dimensions), dtype=np.float32)
        order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
        for start in range(0, len(order), batch_size):
            batch = order[start : start + batch_size]
            vectors[batch] = self._encode_batch([texts[index] for index in batch], layers)
        return vectors

    def read(self, texts: Sequence[str], layers: Sequence[int]) -> list[Reading]:
        """The same with the states of the tokens, one text at a time."""
        return [self._read(text, layers) for text in texts]

    def _read(self, text: str, layers: Sequence[int]) -> Reading:
        encoding = self._tokenizer.encode(text)
        with torch.inference_mode():
            found = self._network(input_ids=torch.tensor([encoding.ids]), output_hidden_states=True).hidden_states
            states = torch.stack([found[layer][0] for layer in layers], dim=1)
            unit = torch.nn.functional.normalize(states.mean(dim=0), dim=-1)
        return Reading(unit.numpy(), states.numpy(), np.array(encoding.offsets))

    def _encode_batch(self, texts: list[str], layers: Sequence[int]) -> Vectors:
        encodings = self._tokenizer.encode_batch(texts)
        ids = torch.tensor([encoding.ids for encoding in encodings])
        mask = torch.tensor([encoding.attention_mask for encoding in encodings])
        with torch.inference_mode():
            states = self._network(input_ids=ids, attention_mask=mask, output_hidden_states=True).hidden_states
            weights = mask.unsqueeze(-1) / mask.sum(dim=1, keepdim=True).unsqueeze(-1)
            means = torch.stack([(states[layer] * weights).sum(dim=1) for layer in layers], dim=1)
            unit: Vectors = torch.nn.functional.normalize(means, dim=-1).numpy()
        return unit
