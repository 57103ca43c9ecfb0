"""What is estimated from decisions over `/v1` holds the truth. Many more such queues: `make soak-labels`."""

from pathlib import Path

import pytest
from sqlalchemy.engine import Engine

from overheard.db import Sessions
from tests.label_queues import InMemory, OverV1, Person, Size, desks

_SMALL = Size(days=2, shown=110, beyond=70, decided=50, samples=20, random_share=0.1, uncertain_share=0.2)
_PEOPLE = [Person(0.04, 0.1), Person(0.02, 0.05)]


@pytest.mark.alternate_databases
@pytest.mark.parametrize("seed", [1, 2])
def test_estimates_from_the_top_of_the_queue_hold_the_truth_which_the_share_among_the_decisions_does_not(
    engine: Engine, sessions: Sessions, tmp_path: Path, seed: int
) -> None:
    with desks(engine, tmp_path) as (programs, clock):
        queue = OverV1(seed, _SMALL, _PEOPLE, sessions=sessions, programs=programs, clock=clock)
        told = queue.live().told()
    assert len(queue.said) == 100
    by_formulas = InMemory(seed, _SMALL, _PEOPLE).live().told()
    assert [one.name for one in told] == [one.name for one in by_formulas]
    for one, other in zip(told, by_formulas, strict=True):
        assert one.is_as(other), f"the way over /v1 changed what is estimated of {one.name}: {one}, {other}"
    biased = told.pop()
    assert {"precision", "recall"} <= {one.name for one in told}
    # They are drawn by the same dice each time: 90 of 100 are promised, of these few three deviations less.
    held = [one.holds()[0] for one in told]
    assert sum(held) > 0.9 * len(held) - 3 * (0.09 * len(held)) ** 0.5, told
    assert biased.estimate.value > biased.truth.by_people + 0.05, "people looked at more than the top"
