"""The examples of docs/api.md are run as they stand, by curl against a real server; each line below a command must
occur in what it prints.
"""

import os
import re
import shutil
import subprocess
import uuid
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy.engine import Engine

from api.app import create_app
from api.events import Rhythm
from overheard.settings import Settings
from tests.api.conftest import World
from tests.api.serving import serving

MANUAL = (Path(__file__).parents[2] / "docs" / "api.md").read_text(encoding="utf-8")


def _examples() -> list[tuple[str, list[str]]]:
    """Commands that use $API, each with what is said to come."""
    found: list[tuple[str, list[str]]] = []
    for block in re.findall(r"```console\n(.*?)```", MANUAL, re.DOTALL):
        if "$API" not in block:
            continue
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
            else:
                found[-1][1].append(line)
    return found


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
def test_the_examples_of_the_manual_do_what_it_says(
    world: World, engine: Engine, settings: Settings, now: datetime
) -> None:
    assert world.lead() == 1
    token = world.program(world.cast.alice).headers["Authorization"].removeprefix("Bearer ")
    app = create_app(settings, engine=engine, clock=lambda: now, rhythm=Rhythm(look=0.05))
    examples = _examples()
    assert len(examples) >= 6
    with serving(app) as (address, _):
        environment = os.environ | {"API": f"{address}/v1", "TOKEN": token, "KEY": str(uuid.uuid4())}
        for command, expected in examples:
            done = subprocess.run(
                ["/bin/sh", "-c", command], env=environment, capture_output=True, text=True, check=False, timeout=60
            )
            for line in expected:
                assert line in done.stdout, f"{command}\n{done.stdout}\n{done.stderr}"
