"""What is done again and again, whoever does it."""

import threading
from datetime import UTC, datetime
from pathlib import Path

from cli.context import Context
from cli.tasks import tasks
from overheard.days import told
from overheard.settings import Settings


def test_times_that_a_task_tells_people_of_are_those_of_the_teams_clocks(tmp_path: Path) -> None:
    context = Context(Settings(home=tmp_path / "home", time_zone="Asia/Tokyo"))
    (sweep,) = (task for task in tasks(context, threading.Event()) if task.name == "sweep")
    found: list[str] = []

    def work() -> None:  # a thread begins in UTC
        sweep.once()
        found.append(told(datetime(2026, 11, 20, 22, 30, tzinfo=UTC)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    context.engine.dispose()
    assert found == ["2026-11-21 07:30 JST"]
