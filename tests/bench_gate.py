"""How many decisions the gate needs: drawn scores with a known gain, and in how many of the draws it accepts.

python -m tests.bench_gate        # some minutes on one core
"""

import sys
from collections import Counter

import numpy as np
from rich.console import Console
from rich.table import Table

from classifier.gate import Scored, Thresholds, judge
from classifier.head import Doubles
from classifier.metrics import Flags, average_precision
from classifier.retrain_config import Gate, read_config

DECISIONS = (250, 500, 1_000, 2_000, 4_000)
GAINS = (-0.03, 0.0, 0.01, 0.02, 0.03, 0.05)
DRAWS = 100
LEADS = 0.4
"""Of what a queue shows."""
CHAMPION = 0.75
"""Its average precision."""
_OWN = 0.3  # what two versions differ by, beside what both read in a text: between them it is 0.92


def scores(skill: float, is_lead: Flags, shared: Doubles, dice: np.random.Generator) -> Doubles:
    """Calibrated scores of a version that tells leads from others by so many standard deviations."""
    line = np.where(is_lead, skill, -skill) + shared + _OWN * dice.normal(size=len(is_lead))
    odds = 2 * skill * line / (1 + _OWN**2) + np.log(LEADS / (1 - LEADS))
    return np.asarray(1 / (1 + np.exp(-odds)))


def skill_for(wanted: float) -> float:
    """By which average precision is what is wanted."""
    dice = np.random.default_rng(0)
    is_lead, shared = dice.random(100_000) < LEADS, dice.normal(size=100_000)
    skills = np.linspace(0.3, 1.5, 61)
    found = [average_precision(scores(skill, is_lead, shared, np.random.default_rng(1)), is_lead) for skill in skills]
    return float(np.interp(wanted, found, skills))


def share_accepted(decisions: int, gain: float, gate: Gate, share_frozen: float) -> tuple[float, Counter[str]]:
    """In how many of the draws, and why not in the others."""
    theirs, ours = skill_for(CHAMPION), skill_for(CHAMPION + gain)
    accepted, why = 0, Counter[str]()
    for draw in range(DRAWS):
        dice = np.random.default_rng([draw, decisions])
        frozen, recent = (_drawn(round(share * decisions), theirs, ours, dice) for share in (share_frozen, 0.1))
        report = judge(frozen, recent, Thresholds(0.5, 0.5), gate, seed=draw)
        accepted += report["accepted"]
        why.update({" ".join(one.split(" is ")[0].split()[:5]) for one in report["refusals"]})
    return accepted / DRAWS, why


def _drawn(count: int, theirs: float, ours: float, dice: np.random.Generator) -> Scored:
    is_lead, shared = dice.random(count) < LEADS, dice.normal(size=count)
    return Scored(
        is_lead,
        champion=scores(theirs, is_lead, shared, dice),
        challenger=scores(ours, is_lead, shared, dice),
        authors=np.arange(count).astype(np.str_),
        parts={},
    )


def main() -> None:
    """One line a number of decisions, one column a gain."""
    config = read_config()
    gate = config.gate.model_copy(update={"samples": 200})
    table = Table("decisions", "frozen", *(f"{gain:+.2f}" for gain in GAINS), "refused most often for", box=None)
    for decisions in DECISIONS:
        found = [share_accepted(decisions, gain, gate, config.sides.frozen_share) for gain in GAINS]
        why = sum((one for _, one in found[2:]), Counter[str]())
        said = ", ".join(f"{name} ({times})" for name, times in why.most_common(3))
        table.add_row(
            f"{decisions:,}",
            f"{round(config.sides.frozen_share * decisions)}",
            *(f"{share:.0%}" for share, _ in found),
            said,
        )
        print(decisions, [share for share, _ in found], said, file=sys.stderr, flush=True)  # noqa: T201 - it takes a while
    Console(width=200).print(table)


if __name__ == "__main__":
    main()
