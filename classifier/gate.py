"""The gate: champion and challenger measured with the same posts, and the rule by which one takes the other's place."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from classifier.examples import Labels
from classifier.head import Doubles
from classifier.metrics import Flags, average_precision, expected_calibration_error, precision_recall_f1
from classifier.retrain_config import Gate

FIGURES = ("precision", "recall", "f1", "average_precision", "precision_at_queue", "ece")
_AP = FIGURES.index("average_precision")


@dataclass(frozen=True)
class Scored:
    """Labelled posts with what both versions say of them."""

    is_lead: Flags
    champion: Doubles
    challenger: Doubles
    authors: npt.NDArray[np.str_]
    """The bootstrap draws authors: two posts of one say little more than one."""
    parts: dict[str, Sequence[str]]
    """By kind of part ("platform", "campaign") the part of each post."""

    def __len__(self) -> int:
        return len(self.is_lead)


@dataclass(frozen=True)
class Thresholds:
    """From which score each version calls a post a lead."""

    champion: float
    challenger: float


def judge(frozen: Scored, recent: Scored, thresholds: Thresholds, gate: Gate, *, seed: int) -> dict[str, Any]:
    """The report. The challenger's figures on the frozen set stand at its top, `accepted` and `refusals` say what
    follows.
    """
    measure = _measure(thresholds, gate.queue_size)
    theirs, ours = (measure(frozen, rows=None, challenger=challenger) for challenger in (False, True))
    drawn = _differences(frozen, measure, samples=gate.samples, seed=seed)
    chance = float((drawn[:, _AP] > 0).mean()) if len(drawn) else 0.0
    report: dict[str, Any] = {
        "accepted": False,
        "examples": len(frozen),
        "leads": int(frozen.is_lead.sum()),
        **dict(zip(FIGURES, ours, strict=True)),
        "champion": dict(zip(FIGURES, theirs, strict=True)),
        "difference": {
            name: [float(low), float(high)]
            for name, (low, high) in zip(FIGURES, np.quantile(drawn, (0.025, 0.975), axis=0).T, strict=True)
        }
        if len(drawn)
        else {},
        "chance_of_better": chance,
        "recent": _both(recent, measure),
        **{
            f"per_{kind}": {
                part: _both(_only(frozen, np.array(of_each) == part), measure) for part in sorted(set(of_each))
            }
            for kind, of_each in frozen.parts.items()
        },
    }
    report["refusals"] = _refusals(report, gate)
    report["accepted"] = not report["refusals"]
    return report


def _refusals(report: dict[str, Any], gate: Gate) -> list[str]:
    """Why the challenger may not take over; nothing if it may."""
    found = []
    if report["examples"] < gate.least_examples or report["leads"] < gate.least_leads:
        found.append(
            f"The frozen set has {report['examples']} posts with {report['leads']} leads; {gate.least_examples} with "
            f"{gate.least_leads} are the least by which anything is accepted."
        )
    if report["chance_of_better"] < gate.least_chance:
        found.append(
            f"Its average precision is the higher one in {report['chance_of_better']:.0%} of the bootstrap samples; "
            f"{gate.least_chance:.0%} are asked for."
        )
    for name, most in gate.most_lost.model_dump().items():
        worse = report["champion"][name] - report[name]
        if (-worse if name == "ece" else worse) > most:
            found.append(f"Its {name} is {report[name]:.3f} where the champion's is {report['champion'][name]:.3f}.")
    parts = [("On the newest decisions", report["recent"], gate.part_least, gate.most_lost_recently)]
    parts += [
        (f"On {kind.removeprefix('per_')} {part}", both, gate.part_least, gate.most_lost_in_a_part)
        for kind, by_part in report.items()
        if kind.startswith("per_")
        for part, both in by_part.items()
    ]
    for where, both, least, most in parts:
        ours, theirs = both["challenger"]["average_precision"], both["champion"]["average_precision"]
        if both["examples"] >= least and both["leads"] and theirs - ours > most:
            found.append(f"{where} its average precision is {ours:.3f} where the champion's is {theirs:.3f}.")
    return found


Measure = Callable[..., tuple[float, ...]]


def _measure(thresholds: Thresholds, queue_size: int) -> Measure:
    def figures(scored: Scored, *, rows: Labels | None, challenger: bool) -> tuple[float, ...]:
        scores = scored.challenger if challenger else scored.champion
        truth = scored.is_lead
        if rows is not None:
            scores, truth = scores[rows], truth[rows]
        threshold = thresholds.challenger if challenger else thresholds.champion
        best = np.argsort(-scores, kind="stable")[:queue_size]
        return (
            *precision_recall_f1(scores >= threshold, truth),
            average_precision(scores, truth),
            float(truth[best].mean()) if len(best) else 0.0,
            expected_calibration_error(scores, truth),
        )

    return figures


def _differences(scored: Scored, measure: Measure, *, samples: int, seed: int) -> Doubles:
    """Challenger less champion on bootstrap samples, both on the same posts."""
    if not len(scored):
        return np.zeros((0, len(FIGURES)))
    _, author = np.unique(scored.authors, return_inverse=True)
    order = np.argsort(author, kind="stable")
    posts = np.split(order, np.flatnonzero(np.diff(author[order])) + 1)
    dice = np.random.default_rng(seed)
    result = np.zeros((samples, len(FIGURES)))
    for sample in range(samples):
        rows = np.concatenate([posts[drawn] for drawn in dice.integers(len(posts), size=len(posts))])
        ours, theirs = (measure(scored, rows=rows, challenger=challenger) for challenger in (True, False))
        result[sample] = np.subtract(ours, theirs)
    return result


def _both(scored: Scored, measure: Measure) -> dict[str, Any]:
    figures = {
        name: dict(zip(FIGURES, measure(scored, rows=None, challenger=challenger), strict=True))
        for name, challenger in (("champion", False), ("challenger", True))
    }
    return {"examples": len(scored), "leads": int(scored.is_lead.sum()), **figures}


def _only(scored: Scored, rows: Flags) -> Scored:
    return Scored(scored.is_lead[rows], scored.champion[rows], scored.challenger[rows], scored.authors[rows], {})


# --- for people ----------------------------------------------------------------------------------------------------

_NAMES = {
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
    "average_precision": "average precision",
    "precision_at_queue": "precision of the best posts",
    "ece": "calibration error (ECE)",
}


_SAID = (
    "On the frozen set, {examples} posts with {leads} leads. In brackets the middle 95 % of the differences over "
    "bootstrap samples of authors; in {chance_of_better:.0%} of them the challenger has the higher average precision."
)


def markdown(report: dict[str, Any]) -> str:
    """The report as a page."""
    verdict = "accepted" if report["accepted"] else "refused"
    lines = [f"## The gate: {verdict}", ""]
    lines += [f"* {reason}" for reason in report["refusals"]]
    lines += [
        *([""] if report["refusals"] else []),
        _SAID.format_map(report),
        "",
        "| figure | champion | challenger | difference |",
        "|---|--:|--:|---|",
    ]
    for name, told in _NAMES.items():
        ours, theirs = report[name], report["champion"][name]
        low, high = report["difference"].get(name, (0.0, 0.0))
        lines.append(f"| {told} | {theirs:.3f} | {ours:.3f} | {ours - theirs:+.3f} [{low:+.3f}, {high:+.3f}] |")
    lines += ["", "| where | posts (leads) | F1 | average precision | ECE |", "|---|--:|---|---|---|"]
    parts = {"newest decisions": report["recent"]}
    for kind, by_part in report.items():
        if kind.startswith("per_"):
            parts |= {f"{kind.removeprefix('per_')} {part}": both for part, both in by_part.items()}
    for where, both in parts.items():
        pairs = (
            f"{both['champion'][name]:.3f} → {both['challenger'][name]:.3f}"
            for name in ("f1", "average_precision", "ece")
        )
        lines.append(f"| {where} | {both['examples']} ({both['leads']}) | {' | '.join(pairs)} |")
    return "\n".join(lines) + "\n"
