"""Retraining with the encoder: its changed layers and the champion's head move as far as new labels pull them.

As in light retraining each weight is drawn to where it stood. Where nothing of the encoder was changed yet, its upper
layers get changes that say nothing at first. It takes long, so it is kept every so many steps and goes on after a kill,
to the same bytes: what is random depends on the seed and the step alone.
"""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import nn

from classifier.adapt import Labelled, answers, loss
from classifier.adapters import Adapters, read_adapters
from classifier.encoder import Encoder
from classifier.encoder_files import Vectors
from classifier.examples import Labels, Learned
from classifier.head import Head, Scheme
from classifier.retrain_config import RetrainConfig, Retuning
from classifier.tune import Change, batches_of, linear_layers, means, nothing, padded
from overheard.errors import InvalidInput
from overheard.modelling.files import write_whole

_HEAD = ("hidden_weight", "hidden_bias", "output_weight", "output_bias")
_LARGEST_STEP = 1.0
_WARM_UP = 0.1  # share of the steps in which the learning rate rises


@dataclass(frozen=True)
class Checkpoint:
    """Where a retraining that was killed goes on. `key`: of all that it depends on; another one is begun anew."""

    file: Path
    key: str
    begun: datetime

    def write(self, step: int, tensors: dict[str, torch.Tensor]) -> None:
        """Keep how far it is; the file is whole or the one before."""
        told = {"key": self.key, "begun": self.begun.isoformat(), "step": str(step)}
        write_whole(self.file, save(tensors, metadata=told))

    def read(self) -> tuple[int, dict[str, torch.Tensor]]:
        """The steps that are done, and the tensors as they stand; none where there is nothing of this retraining."""
        told = kept(self.file)
        if told is None or told["key"] != self.key:
            return 0, {}
        with safe_open(self.file, "pt") as file:
            return int(told["step"]), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no dict


def kept(file: Path) -> dict[str, str] | None:
    """What a checkpoint tells of itself; None where there is none that can be read."""
    try:
        with safe_open(file, "pt") as opened:
            told: dict[str, str] | None = opened.metadata()
    except (OSError, SafetensorError):
        return None
    return told if told and told.keys() == {"key", "begun", "step"} else None


def device_of(asked: str) -> torch.device:
    """Where it is reckoned: `auto` is a GPU where there is one."""
    has_gpu = torch.cuda.is_available()
    if asked == "cuda" and not has_gpu:
        raise InvalidInput('The configuration asks for a GPU (device = "cuda"), and torch finds none. Say auto or cpu.')
    return torch.device("cuda" if has_gpu and asked != "cpu" else "cpu")


def changed_layers(scheme: Scheme, adapters: Adapters | None, tuning: Retuning) -> tuple[int, ...]:
    """Which layers the head looks at, behind the changes: where there were none yet, those that take their place."""
    if adapters:
        return scheme.layers
    if min(scheme.layers) <= tuning.frozen_layers:
        raise InvalidInput(f"The model looks at layer {min(scheme.layers)}: set tuning.frozen_layers below it.")
    return tuple(max(scheme.layers) + layer - tuning.frozen_layers for layer in scheme.layers)


def retune(
    texts: Sequence[str],
    labelled: Labelled,
    start: tuple[Path, Path, Head, Scheme],
    config: RetrainConfig,
    checkpoint: Checkpoint,
    *,
    on_step: Callable[[int, int], None] = lambda _done, _of: None,
) -> Learned:
    """What the texts teach; `start`: the encoder's folder, the champion's, its head and scheme.

    `on_step` is told how many steps are done, of how many.
    """
    encoder_folder, folder, head, scheme = start
    tuning = config.tuning
    assert tuning is not None  # noqa: S101 - for the type checker
    adapters = read_adapters(folder)
    layers = changed_layers(scheme, adapters, tuning)
    first = adapters.first_layer if adapters else tuning.frozen_layers
    depth = adapters.depth if adapters else max(scheme.layers)
    encoder = Encoder(encoder_folder, depth=depth)
    states = [some.half() for some in encoder.states(texts, first)]
    untouched = [layer for layer in layers if layer <= depth]
    seen = encoder.encode_layers(texts, untouched) if untouched else np.zeros((len(texts), 0, encoder.dimensions))
    torch.manual_seed(config.seed)
    network = _Network(encoder, adapters, head, (first, depth, layers), tuning)
    device = device_of(tuning.device)
    network.to(device)
    rows = _Rows(states, torch.from_numpy(seen.astype(np.float32)), labelled, device)
    _descend(network, rows, config, checkpoint, on_step)
    return network.cpu().learned()


@dataclass(frozen=True)
class _Rows:
    """What is learned from, in batches on a device."""

    states: list[torch.Tensor]
    untouched: torch.Tensor
    labelled: Labelled
    device: torch.device

    def batch(self, places: Labels) -> tuple[torch.Tensor, ...]:
        """States, which of them are tokens, means of untouched layers; whether a lead, intent, weight."""
        said = self.labelled
        targets = (torch.from_numpy(of[places]) for of in (said.is_lead, said.intents, said.weights))
        inputs = (*padded([self.states[place] for place in places]), self.untouched[torch.from_numpy(places)])
        return tuple(tensor.to(self.device) for tensor in (*inputs, *targets))


def _descend(
    network: "_Network",
    rows: _Rows,
    config: RetrainConfig,
    checkpoint: Checkpoint,
    on_step: Callable[[int, int], None],
) -> None:
    tuning = config.tuning
    assert tuning is not None  # noqa: S101 - for the type checker
    lengths = np.array([len(some) for some in rows.states])
    batches = [
        batch
        for epoch in range(tuning.epochs)
        for batch in batches_of(lengths, tuning.batch_size, np.random.default_rng([config.seed, epoch]))
    ]
    changes, head = network.changes(), list(network.head)
    tensors = [*changes, *head]
    optimizer = torch.optim.Adam(
        [{"params": changes, "lr": tuning.learning_rate}, {"params": head, "lr": tuning.head_learning_rate}]
    )
    rates = [group["lr"] for group in optimizer.param_groups]
    before = [tensor.detach().clone() for tensor in tensors]
    prior = tuning.prior / float(rows.labelled.weights.sum())
    step, found = checkpoint.read()
    _restore(tensors, optimizer, found, step)
    while step < len(batches):
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate * _share(step, len(batches))
        torch.manual_seed(config.seed + step)  # what is dropped out depends on the step alone
        *inputs, is_lead, intents, weights = rows.batch(batches[step])
        optimizer.zero_grad()
        loss(network(*inputs, config), is_lead, intents, weights).backward()  # type: ignore[no-untyped-call] # as torch has it
        for tensor, stood in zip(tensors, before, strict=True):
            if tensor.grad is not None:
                tensor.grad.add_(tensor.detach() - stood, alpha=prior)
        network.stay_blind()
        nn.utils.clip_grad_norm_(changes, _LARGEST_STEP)
        optimizer.step()
        step += 1
        if step % tuning.checkpoint_every == 0 or step == len(batches):
            checkpoint.write(step, _state(tensors, optimizer))
        on_step(step, len(batches))


def _share(step: int, steps: int) -> float:
    """Of the learning rate: it rises, then falls to nothing."""
    rising = max(1, round(steps * _WARM_UP))
    return min((step + 1) / rising, (steps - step) / max(1, steps - rising))


def _state(tensors: Sequence[torch.Tensor], optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    found: dict[str, torch.Tensor] = {}
    for number, tensor in enumerate(tensors):
        of = optimizer.state[tensor]
        found |= {f"{number}.value": tensor, f"{number}.first": of["exp_avg"], f"{number}.second": of["exp_avg_sq"]}
    return {name: tensor.detach().cpu().contiguous() for name, tensor in found.items()}


def _restore(
    tensors: Sequence[torch.Tensor], optimizer: torch.optim.Optimizer, found: dict[str, torch.Tensor], step: int
) -> None:
    for number, tensor in enumerate(tensors if found else ()):
        with torch.no_grad():
            tensor.copy_(found[f"{number}.value"])
        optimizer.state[tensor] = {
            "step": torch.tensor(float(step)),
            "exp_avg": found[f"{number}.first"].to(tensor.device),
            "exp_avg_sq": found[f"{number}.second"].to(tensor.device),
        }


class _Network(nn.Module):
    """The layers that change and the champion's head."""

    mean: torch.Tensor
    scale: torch.Tensor
    sees: torch.Tensor

    def __init__(
        self,
        encoder: Encoder,
        adapters: Adapters | None,
        head: Head,
        shape: tuple[int, int, tuple[int, ...]],
        tuning: Retuning,
    ) -> None:
        """`shape`: how many layers stay, how many are read, and which ones the head looks at."""
        super().__init__()
        self._first, self._depth, self._layers = shape
        self._start = head
        self.layers = copy.deepcopy(encoder.upper_layers(self._first))
        self.requires_grad_(requires_grad=False)
        self._changed: dict[str, Change] = {}
        for name, linear, put in linear_layers(self.layers, self._first):
            if adapters is None:
                down, up = nothing(linear, tuning.rank)
            elif name in adapters.down:
                down, up = (torch.from_numpy(part[name].copy()) for part in (adapters.down, adapters.up))
            else:
                continue
            self._changed[name] = Change(linear, down, up, scale=1.0)
            put(self._changed[name])
        self.head = nn.ParameterList(torch.from_numpy(getattr(head, name).copy()) for name in _HEAD)
        self.register_buffer("mean", torch.from_numpy(head.mean.copy()))
        self.register_buffer("scale", torch.from_numpy(head.scale.copy()))
        self.register_buffer("sees", torch.from_numpy(head.hidden_weight != 0))

    def forward(
        self, states: torch.Tensor, is_token: torch.Tensor, untouched: torch.Tensor, config: RetrainConfig
    ) -> torch.Tensor:
        """Per network of the head (axis 0) and text, what it says."""
        # Changed layers are numbered behind the others (`classifier.runtime_graph`).
        behind = dict(enumerate(means(self.layers, states, is_token), start=self._depth + 1))
        below = iter(untouched.unbind(dim=1))
        features = [behind[layer] if layer > self._depth else next(below) for layer in self._layers]
        inputs = (torch.cat(features, dim=1) - self.mean) / self.scale
        return answers(list(self.head), inputs, config.adaptation)

    def stay_blind(self) -> None:
        """Networks that do not see some of the inputs (`classifier.head.beside`) do not begin to."""
        gradient = self.head[0].grad
        if gradient is not None:
            gradient.mul_(self.sees)

    def changes(self) -> list[nn.Parameter]:
        """What learns, but for the head."""
        return [part for change in self._changed.values() for part in (change.down, change.up)]

    def learned(self) -> Learned:
        """As it is shipped."""
        down = {name: _numbers(change.down) for name, change in self._changed.items()}
        up = {name: _numbers(change.up) for name, change in self._changed.items()}
        head = replace(self._start, **{name: _numbers(part) for name, part in zip(_HEAD, self.head, strict=True)})
        return Learned(head, Adapters(down, up))


def _numbers(tensor: torch.Tensor) -> Vectors:
    copied: Vectors = tensor.detach().numpy().copy()
    return copied
