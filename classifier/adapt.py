"""Light retraining: the champion's head moves as far as new labels pull it, held back by where it stood.

Each weight is drawn to the champion's own (L2-SP; Li, Grandvalet and Davoine, 2018, arXiv:1802.01483). Few labels move
little, many as much as they say. Seeded: equal input gives equal weights. Of a post of which only lead or no lead was
said, that alone is learned.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.optimize import minimize
from torch.nn import functional

from classifier.encoder_files import Vectors
from classifier.examples import Labels
from classifier.head import IS_LEAD, Doubles, Head, Scheme, lead_log_odds
from classifier.metrics import Flags
from classifier.retrain_config import Adaptation

UNKNOWN = -1
"""In place of an intent."""


@dataclass(frozen=True)
class Labelled:
    """Posts as the head sees them, and what people said of them."""

    vectors: Vectors
    is_lead: Flags
    intents: Labels
    """Places in `INTENTS`, or `UNKNOWN`."""
    weights: Vectors
    groups: Labels
    """Equal numbers are not parted by cross-validation."""

    def only(self, rows: Flags) -> "Labelled":
        """Some of them."""
        return Labelled(
            self.vectors[rows], self.is_lead[rows], self.intents[rows], self.weights[rows], self.groups[rows]
        )


@dataclass(frozen=True)
class Adapted:
    """A challenger that is not yet written."""

    head: Head
    scheme: Scheme


def adapt(
    head: Head,
    scheme: Scheme,
    labelled: Labelled,
    settings: Adaptation,
    *,
    seed: int,
    calibrate_by: Flags | None = None,
) -> Adapted:
    """The head that learned from the labels, calibrated on scores that each post got from heads which had not seen it.

    The threshold stays: it says from which probability on a post is worth a person's time. `calibrate_by`: by some of
    the labels alone; default: by all.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # sums are then added in one order
    try:
        adapted = _learn(head, labelled, settings, seed)
        unseen = np.zeros(len(labelled.is_lead))
        for fold in range(settings.folds):
            asked = labelled.groups % settings.folds == fold
            if asked.any() and not asked.all():
                taught = _learn(head, labelled.only(~asked), settings, seed)
                unseen[asked] = lead_log_odds(taught.log_probabilities(labelled.vectors[asked]))
    finally:
        torch.set_num_threads(threads)
    by = np.ones(len(unseen), dtype=bool) if calibrate_by is None else calibrate_by
    slope, intercept = recalibrate(unseen[by], labelled.only(by), scheme, settings.calibration_prior)
    return Adapted(adapted, scheme.model_copy(update={"slope": slope, "intercept": intercept}))


def _learn(head: Head, labelled: Labelled, settings: Adaptation, seed: int) -> Head:
    result = {name: np.array(getattr(head, name)) for name in _NAMES}
    inputs = (labelled.vectors - head.mean) / head.scale
    for members, seen in _sights(head):
        # Networks that do not see some of the inputs (`classifier.head.beside`) are spared them, and stay blind.
        tensors = [torch.from_numpy(result[name][members]) for name in _NAMES]
        tensors[0] = tensors[0][:, seen]
        rows = replace(labelled, vectors=np.ascontiguousarray(inputs[:, seen]))
        learned = [tensor.numpy() for tensor in _descend(tensors, rows, settings, seed)]
        result["hidden_weight"][np.ix_(members, seen)] = learned[0]
        for name, values in zip(_NAMES[1:], learned[1:], strict=True):
            result[name][members] = values
    return replace(head, **result)


_NAMES = ("hidden_weight", "hidden_bias", "output_weight", "output_bias")


def _sights(head: Head) -> Iterator[tuple[Labels, Labels]]:
    """Members that see the same inputs, and which these are."""
    sees = (head.hidden_weight != 0).any(axis=2)
    for sight in np.unique(sees, axis=0):
        yield np.flatnonzero((sees == sight).all(axis=1)), np.flatnonzero(sight)


def _descend(start: list[torch.Tensor], rows: Labelled, settings: Adaptation, seed: int) -> list[torch.Tensor]:
    tensors = [tensor.clone().requires_grad_() for tensor in start]
    inputs, is_lead = torch.from_numpy(rows.vectors), torch.from_numpy(rows.is_lead)
    intents, weights = torch.from_numpy(rows.intents), torch.from_numpy(rows.weights)
    optimizer = torch.optim.Adam(tensors, lr=settings.learning_rate)
    steps = min(settings.epochs * math.ceil(len(inputs) / settings.batch_size), settings.most_steps)
    prior = settings.prior / float(weights.sum())
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        for batch in _batches(len(inputs), settings.batch_size, steps):
            value = loss(answers(tensors, inputs[batch], settings), is_lead[batch], intents[batch], weights[batch])
            optimizer.zero_grad()
            value.backward()  # type: ignore[no-untyped-call] # torch has no types there
            for tensor, before in zip(tensors, start, strict=True):
                if tensor.grad is not None:
                    tensor.grad.add_(tensor.detach() - before, alpha=prior)
            optimizer.step()
    return [tensor.detach() for tensor in tensors]


def _batches(rows: int, size: int, steps: int) -> Iterator[torch.Tensor]:
    while steps > 0:
        for batch in torch.split(torch.randperm(rows), size)[:steps]:
            yield batch
            steps -= 1


def answers(tensors: list[torch.Tensor], inputs: torch.Tensor, settings: Adaptation) -> torch.Tensor:
    hidden_weight, hidden_bias, output_weight, output_bias = tensors
    hidden = functional.dropout(inputs, settings.input_dropout) @ hidden_weight + hidden_bias[:, None]
    kept = functional.dropout(functional.relu(hidden), settings.hidden_dropout)
    return kept @ output_weight + output_bias[:, None]


def loss(outputs: torch.Tensor, is_lead: torch.Tensor, intents: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Whether it is a lead, and which of the nine where that was said; of all networks (axis 0)."""
    leads = torch.from_numpy(IS_LEAD)
    odds = outputs[..., leads].logsumexp(dim=2) - outputs[..., ~leads].logsumexp(dim=2)
    truth = is_lead.to(odds.dtype).expand_as(odds)
    value = functional.binary_cross_entropy_with_logits(odds, truth, reduction="none")
    known = intents != UNKNOWN
    which = functional.cross_entropy(
        outputs.movedim(2, 1), intents.clamp(min=0).expand(len(outputs), -1), reduction="none"
    )
    return ((value + which * known) * weights).sum(dim=1).mean() / weights.sum() * len(outputs)


def recalibrate(log_odds: Doubles, labelled: Labelled, scheme: Scheme, prior: float) -> tuple[float, float]:
    """Platt's two numbers, drawn to the champion's: `prior` says how strongly."""
    before = np.array([scheme.slope, scheme.intercept])
    sign = np.where(labelled.is_lead, 1.0, -1.0)

    def value(line: Doubles) -> float:
        margins = sign * (line[0] * log_odds + line[1])
        return float((labelled.weights * np.logaddexp(0, -margins)).sum() + prior / 2 * ((line - before) ** 2).sum())

    slope, intercept = minimize(value, before, method="L-BFGS-B", bounds=[(0.05, None), (None, None)]).x
    return float(slope), float(intercept)
