"""What is estimated from decisions over `/v1` holds the truth. Many more such queues: `make soak-labels`."""

from pathlib import Path

import pytest
from sqlalchemy.engine import Engine

from overheard.db import Sessions
from tests.label_queues import LabelQueue, Size, people_at_work

_SMALL = Size(days=2, shown=110, beyond=70, decided=50, samples=20, random_share=0.1, uncertain_share=0.2)


@pytest.mark.alternate_databases
@pytest.mark.parametrize("seed", [1, 2])
def test_estimates_from_the_top_of_the_queue_hold_the_truth_which_the_share_among_the_decisions_does_not(
    engine: Engine, sessions: Sessions, tmp_path: Path, seed: int
) -> None:
    with people_at_work(engine, tmp_path, ((0.04, 0.1), (0.02, 0.05))) as (people, clock):
        queue = LabelQueue(sessions, people, clock, seed, _SMALL)
        queue.live()
        told = {one.name: one for one in queue.told()}
    assert queue.decisions == 100
    biased = told.pop("share of all decisions")
    assert {"precision", "recall"} <= told.keys()
    # They are drawn by the same dice each time: 90 of 100 are promised, of these few three deviations less.
    held = [one.holds()[0] for one in told.values()]
    assert sum(held) > 0.9 * len(held) - 3 * (0.09 * len(held)) ** 0.5, told
    assert biased.estimate.value > biased.truth.by_people + 0.05, "people looked at more than the top"
