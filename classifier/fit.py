"""How the networks of a head are fitted to labelled vectors. Seeded: equal input gives equal weights."""

import math

import numpy as np
import torch
from torch.nn import functional

from classifier.config import Fit, Network, TrainConfig
from classifier.examples import Examples, Labels, Learned
from classifier.head import IS_LEAD, Doubles, Head


class HeadFitter:
    """Learns from texts by their vectors alone, as often as asked; the encoder stays as it is."""

    def __init__(self, examples: Examples, settings: TrainConfig) -> None:
        self._examples, self._settings = examples, settings

    def learn(self, rows: Labels, asked: Labels) -> tuple[Learned, Doubles]:
        """What some rows teach, and the log probabilities that it gives to others."""
        settings = self._settings
        head = fit_head(self._examples.only(rows), settings.network, settings.fit, seed=settings.seed)
        return Learned(head), head.log_probabilities(self._examples.vectors[asked])


def fit_head(examples: Examples, network: Network, fit: Fit, *, seed: int) -> Head:
    """The networks that these examples teach."""
    mean = examples.vectors.mean(axis=0)
    scale = examples.vectors.std(axis=0) + np.float32(1e-6)
    inputs = torch.from_numpy((examples.vectors - mean) / scale)
    targets = torch.from_numpy(examples.labels)
    weights = torch.from_numpy(examples.weights)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        tensors = _learn(inputs, targets, weights, network, fit)
    return Head(mean, scale, *(tensor.detach().numpy() for tensor in tensors))


def _learn(
    inputs: torch.Tensor, targets: torch.Tensor, weights: torch.Tensor, network: Network, fit: Fit
) -> list[torch.Tensor]:
    """All members at once, each with its own start, order of rows and dropout."""
    tensors = start(inputs.shape[1], network)
    steps = math.ceil(len(inputs) / fit.batch_size)
    optimizer = torch.optim.AdamW(tensors, lr=fit.learning_rate, weight_decay=fit.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, fit.learning_rate, total_steps=fit.epochs * steps, pct_start=0.1
    )
    for _ in range(fit.epochs):
        orders = torch.stack([torch.randperm(len(inputs)) for _ in range(network.members)])
        for rows in torch.split(orders, fit.batch_size, dim=1):
            outputs = answers(tensors, inputs[rows], fit, learning=True)
            value = loss(outputs.flatten(0, 1), targets[rows].flatten(), weights[rows].flatten(), fit)
            optimizer.zero_grad()
            value.backward()  # type: ignore[no-untyped-call] # torch has no types there
            optimizer.step()
            schedule.step()
    return tensors


def start(inputs: int, network: Network) -> list[torch.Tensor]:
    """Weights of networks that have learned nothing, in the order of `Head`."""
    members, hidden = network.members, network.hidden
    shapes = [(inputs, (members, inputs, hidden)), (inputs, (members, hidden))]
    shapes += [(hidden, (members, hidden, len(IS_LEAD))), (hidden, (members, len(IS_LEAD)))]
    # Uniform in ±1/sqrt(inputs), as torch starts its linear layers.
    return [((torch.rand(shape) * 2 - 1) / math.sqrt(width)).requires_grad_() for width, shape in shapes]


def answers(tensors: list[torch.Tensor], batch: torch.Tensor, fit: Fit, *, learning: bool) -> torch.Tensor:
    """Per member (axis 0) and text, what the networks say; with dropout while they learn."""
    hidden_weight, hidden_bias, output_weight, output_bias = tensors
    hidden = functional.dropout(batch, fit.input_dropout, learning) @ hidden_weight + hidden_bias[:, None]
    return (
        functional.dropout(functional.relu(hidden), fit.hidden_dropout, learning) @ output_weight + output_bias[:, None]
    )


def loss(outputs: torch.Tensor, targets: torch.Tensor, weights: torch.Tensor, fit: Fit) -> torch.Tensor:
    """Which of the nine, and (as that is what counts) whether it is a lead at all."""
    is_lead = torch.from_numpy(IS_LEAD)
    odds = outputs[:, is_lead].logsumexp(dim=1) - outputs[:, ~is_lead].logsumexp(dim=1)
    which = functional.cross_entropy(outputs, targets, reduction="none")
    whether = functional.binary_cross_entropy_with_logits(odds, is_lead[targets].to(odds.dtype), reduction="none")
    return (weights * (which + fit.lead_loss * whether)).sum() / weights.sum()
