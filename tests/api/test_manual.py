"""`docs/api.md` says what the tables in the code say."""

from pathlib import Path

from fastapi.routing import iter_route_contexts

from api.errors import STATUS
from tests.api.conftest import World

MANUAL = (Path(__file__).parents[2] / "docs" / "api.md").read_text(encoding="utf-8")


def test_the_error_table_of_the_manual_is_that_of_the_code() -> None:
    rows = [f"| {status.value} | `{kind.__name__}` | {kind.__doc__} |" for kind, status in STATUS.items()]
    missing = [row for row in rows if row not in MANUAL]
    assert missing == [], "Let docs/api.md have the rows:\n" + "\n".join(missing)


def test_the_manual_names_every_route_of_v1(world: World) -> None:
    routes = [
        f"`{method} {route.path}`"
        for route in iter_route_contexts(world.app.routes)
        if route.path and route.path.startswith("/v1/")
        for method in route.methods or ()
        if method != "HEAD"
    ]
    assert [route for route in routes if route not in MANUAL] == []
