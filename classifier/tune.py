"""Fine-tune the encoder's upper layers, by low-rank adapters, together with the head that reads them.

The layers below stay as they are and read each text once. Seeded: equal input on the same machine gives equal weights.
The adapters are ten lines here; the `peft` package would bring `accelerate` and a file format for them.
"""

import copy
import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from classifier.adapters import Adapters
from classifier.config import TrainConfig, Tuning
from classifier.encoder import HIDDEN, Encoder
from classifier.encoder_files import Vectors
from classifier.examples import Labels, Learned, Targets
from classifier.fit import answers, loss, start
from classifier.head import INTENTS, Doubles, Head

# Texts by which the head's inputs are scaled before anything is tuned.
_ENOUGH = 500
# Batches hold texts of about one length, found among so many batches' worth of shuffled ones.
_SORTED_TOGETHER = 20
_LARGEST_STEP = 1.0


class Tuner:
    """Learns from texts, as often as asked."""

    def __init__(
        self, texts: Sequence[str], targets: Targets, encoder: Encoder, settings: TrainConfig, tuning: Tuning
    ) -> None:
        self._encoder, self._settings, self._tuning = encoder, settings, tuning
        self._labels, self._weights = torch.from_numpy(targets.labels), torch.from_numpy(targets.weights)
        # In half precision, as the states of 5,000 posts are half a gigabyte even so.
        self._states = [states.half() for states in encoder.states(texts, tuning.frozen_layers)]
        self._lengths = np.array([len(states) for states in self._states])
        untuned = encoder.encode_layers(texts[:: -(-len(texts) // _ENOUGH)], settings.features.layers)
        untuned = untuned.reshape(len(untuned), -1)
        self._mean, self._scale = untuned.mean(axis=0), untuned.std(axis=0) + np.float32(1e-6)

    def learn(self, rows: Labels, asked: Labels) -> tuple[Learned, Doubles]:
        """What some rows teach, and the log probabilities that it gives to others."""
        with torch.random.fork_rng():
            torch.manual_seed(self._settings.seed)
            network = _Network(self._encoder, self._settings, self._tuning, self._mean, self._scale)
            self._fit(network, rows)
        return network.learned(), self._log_probabilities(network, asked)

    def _fit(self, network: "_Network", rows: Labels) -> None:
        tuning, fit = self._tuning, self._settings.fit
        dice = np.random.default_rng(self._settings.seed)
        batches = [
            rows[batch]
            for _ in range(tuning.epochs)
            for batch in batches_of(self._lengths[rows], tuning.batch_size, dice)
        ]
        changes, head = list(network.changes()), list(network.head)
        optimizer = torch.optim.AdamW(
            [
                {"params": changes, "weight_decay": tuning.weight_decay},
                {"params": head, "weight_decay": fit.weight_decay},
            ]
        )
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, [tuning.learning_rate, fit.learning_rate], total_steps=len(batches), pct_start=0.1
        )
        network.train()
        for batch in batches:
            outputs = network(*self._padded(batch))
            labels, weights = (targets[batch].repeat(len(outputs)) for targets in (self._labels, self._weights))
            value = loss(outputs.flatten(0, 1), labels, weights, fit)
            optimizer.zero_grad()
            value.backward()  # type: ignore[no-untyped-call] # torch has no types there
            nn.utils.clip_grad_norm_(changes, _LARGEST_STEP)
            optimizer.step()
            schedule.step()

    def _log_probabilities(self, network: "_Network", rows: Labels) -> Doubles:
        result = np.zeros((len(rows), len(INTENTS)))
        order = np.argsort(self._lengths[rows], kind="stable")
        network.eval()
        with torch.inference_mode():
            for begin in range(0, len(rows), self._tuning.batch_size):
                places = order[begin : begin + self._tuning.batch_size]
                outputs = network(*self._padded(rows[places])).double().mean(dim=0)
                result[places] = functional.log_softmax(outputs, dim=-1).numpy()
        return result

    def _padded(self, rows: Labels) -> tuple[torch.Tensor, torch.Tensor]:
        return padded([self._states[row] for row in rows])


class _Network(nn.Module):
    """The layers that change and the head."""

    def __init__(self, encoder: Encoder, settings: TrainConfig, tuning: Tuning, mean: Vectors, scale: Vectors) -> None:
        super().__init__()
        self._settings, self._frozen = settings, tuning.frozen_layers
        self.layers = copy.deepcopy(encoder.upper_layers(tuning.frozen_layers))
        self.requires_grad_(requires_grad=False)
        self._changed = dict(_adapt(self.layers, tuning))
        self.head = nn.ParameterList(start(len(mean), settings.network))
        self._mean, self._scale = torch.from_numpy(mean), torch.from_numpy(scale)

    def forward(self, states: torch.Tensor, is_token: torch.Tensor) -> torch.Tensor:
        """Per network of the head (axis 0) and text, what it says."""
        behind = enumerate(means(self.layers, states, is_token), start=self._frozen + 1)
        features = [mean for number, mean in behind if number in self._settings.features.layers]
        inputs = (torch.cat(features, dim=1) - self._mean) / self._scale
        inputs = inputs.expand(self._settings.network.members, -1, -1)
        return answers(list(self.head), inputs, self._settings.fit, learning=self.training)

    def changes(self) -> Iterator[nn.Parameter]:
        """What learns, but for the head."""
        for change in self._changed.values():
            yield from (change.down, change.up)

    def learned(self) -> Learned:
        """As it is shipped."""
        down = {name: _numbers(change.down) for name, change in self._changed.items()}
        up = {name: _numbers(change.up * change.scale) for name, change in self._changed.items()}
        head = Head(self._mean.numpy(), self._scale.numpy(), *map(_numbers, self.head))
        return Learned(head, Adapters(down, up))


class Change(nn.Module):
    """A linear layer that stays, and beside it the product of two small matrices that learn."""

    def __init__(self, linear: nn.Linear, down: torch.Tensor, up: torch.Tensor, *, scale: float) -> None:
        super().__init__()
        self.linear, self.scale = linear, scale
        self.down, self.up = nn.Parameter(down), nn.Parameter(up)

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        kept: torch.Tensor = self.linear(states)
        return kept + (states @ self.down.T) @ self.up.T * self.scale


def nothing(linear: nn.Linear, rank: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The two matrices of a change that has learned nothing."""
    down = torch.randn(rank, linear.in_features) / math.sqrt(linear.in_features)
    return down, torch.zeros(linear.out_features, rank)


def linear_layers(layers: nn.ModuleList, first: int) -> Iterator[tuple[str, nn.Linear, Callable[[Change], None]]]:
    """Each linear layer by its weight's name in the encoder's file, and what puts a change in its place."""
    for number, layer in enumerate(layers, start=first):
        for path, linear in list(layer.named_modules()):
            if isinstance(linear, nn.Linear):
                above, _, name = path.rpartition(".")
                put = partial(setattr, layer.get_submodule(above), name)
                yield f"encoder.layer.{number}.{path}.weight", linear, put


def _adapt(layers: nn.ModuleList, tuning: Tuning) -> Iterator[tuple[str, Change]]:
    for name, linear, put in linear_layers(layers, tuning.frozen_layers):
        change = Change(linear, *nothing(linear, tuning.rank), scale=tuning.scale)
        put(change)
        yield name, change


def means(layers: nn.ModuleList, states: torch.Tensor, is_token: torch.Tensor) -> Iterator[torch.Tensor]:
    """Behind each layer the mean over the tokens, of length one."""
    mask = (~is_token * HIDDEN)[:, None, None, :]
    shares = (is_token / is_token.sum(dim=1, keepdim=True)).unsqueeze(-1)
    for layer in layers:
        states = layer(states, attention_mask=mask)
        yield functional.normalize((states * shares).sum(dim=1), dim=-1)


def batches_of(lengths: Labels, size: int, dice: np.random.Generator) -> list[Labels]:
    """All places once, in batches of about one length."""
    shuffled = dice.permutation(len(lengths))
    found = []
    for begin in range(0, len(shuffled), size * _SORTED_TOGETHER):
        some = shuffled[begin : begin + size * _SORTED_TOGETHER]
        some = some[np.argsort(lengths[some], kind="stable")]
        found += [some[place : place + size] for place in range(0, len(some), size)]
    return [found[index] for index in dice.permutation(len(found))]


def padded(states: Sequence[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    """States padded to the longest, and which of them are of tokens."""
    lengths = torch.tensor([len(some) for some in states])
    together = nn.utils.rnn.pad_sequence([some.float() for some in states], batch_first=True)
    return together, torch.arange(together.shape[1]) < lengths[:, None]


def _numbers(tensor: torch.Tensor) -> Vectors:
    copied: Vectors = tensor.detach().numpy().copy()
    return copied
