"""Schemathesis sends to every operation of `/v1` what its description allows and what it forbids, about things that
are there and things that are not; what comes back must be what the description says. The same examples every time.
"""

from pathlib import Path
from typing import Any

import hypothesis
import hypothesis.errors
import pytest
import requests
import schemathesis
import sqlalchemy as sa
from fastapi.testclient import TestClient
from hypothesis import strategies as st
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import positive_data_acceptance

from overheard.models import Base
from tests.api.conftest import World
from tests.factories import make_campaign, make_lead, watch_source

EXAMPLES = 2
NEVER_ENDS = "readEvents"  # tests/api/test_events.py has it

# What a path calls a thing, where it is not the table's name without its s.
NAMES = {
    "queries": "query",
    "saved_views": "view",
    "connected_accounts": "account",
    "alert_rules": "rule",
    "outbound_deliveries": "delivery",
}

SAME_EVERY_TIME = hypothesis.settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[hypothesis.Phase.generate],
    suppress_health_check=list(hypothesis.HealthCheck),
)


@pytest.fixture
def database_url(sqlite_template: Path, tmp_path: Path) -> str:
    """SQLite alone: what is looked for here is in the routes."""
    path = tmp_path / "overheard.db"
    path.write_bytes(sqlite_template.read_bytes())
    return f"sqlite:///{path}"


def test_whatever_is_sent_v1_does_what_its_description_says(world: World) -> None:
    _fill(world)
    program = world.program(world.cast.alice)
    token = {"Authorization": program.headers["Authorization"]}
    failures: list[str] = []
    names: set[str] = set()
    for found in schemathesis.openapi.from_asgi("/v1/openapi.json", world.app).get_all_operations():
        operation: Any = found.ok()  # type: ignore[union-attr] # one that cannot be read raises here
        name = operation.definition.raw["operationId"]
        names.add(name)
        for mode in schemathesis.GenerationMode if name != NEVER_ENDS else ():
            ids = _ids_for(operation, world)
            # A wrong body about a thing that is not there would be answered with 404, and told nothing.
            fixed = {key: of[0] for key, of in ids.items()} if mode.is_negative and operation.body else None
            cases = operation.as_strategy(generation_mode=mode, headers=token, path_parameters=fixed)
            try:
                _try(cases, {} if mode.is_negative else ids, program, token)
            except hypothesis.errors.Unsatisfiable:
                assert mode.is_negative, f"{name}: nothing can be sent that its description allows"
            except FailureGroup as group:
                failures.append(f"{name}, {mode.value}: {group}")
    assert {"promote", "saveQuery", "readQueue", NEVER_ENDS} <= names
    assert failures == [], "\n\n".join(failures)


def _fill(world: World) -> None:
    with world.sessions.begin() as session:
        campaign = make_campaign(session, now=world.now, queries={"asks": '"looking for"'})
        make_campaign(session, now=world.now, name="Barley CRM")
        for _ in range(6):
            make_lead(session, now=world.now, campaign=campaign)
        watch_source(session, now=world.now)


def _ids_for(operation: Any, world: World) -> dict[str, list[int]]:  # noqa: ANN401 - schemathesis has three kinds
    """Ids that are there, by the path parameter that takes them: `lead_id` takes those of `leads`."""
    taken = {parameter.name for parameter in operation.path_parameters}
    found: dict[str, list[int]] = {}
    with world.rows() as session:
        for name, table in Base.metadata.tables.items():
            parameter = f"{NAMES.get(name, name.removesuffix('s'))}_id"
            if parameter in taken and "id" in table.c:
                found[parameter] = list(session.scalars(sa.select(table.c.id).limit(5))) or [1]
    return found


def _try(cases: st.SearchStrategy[Any], ids: dict[str, list[int]], program: TestClient, token: dict[str, str]) -> None:
    @SAME_EVERY_TIME
    @hypothesis.given(case=cases, data=st.data())
    def send(case: Any, data: st.DataObject) -> None:  # noqa: ANN401 - hypothesis makes it
        for parameter, there in ids.items():
            if data.draw(st.integers(0, 3)):
                case.path_parameters[parameter] = data.draw(st.sampled_from(there))
        sent = requests.Request(**case.as_transport_kwargs("http://testserver")).prepare()
        answer = program.request(sent.method or "", sent.url or "", headers=dict(sent.headers), content=sent.body)  # type: ignore[arg-type]
        # What its description allows may still be refused with 422: a query that cannot be read, a name that is taken.
        case.validate_response(answer, headers=token, excluded_checks=[positive_data_acceptance])

    send()
