"""The description of `/v1`: every error of every route, in one shape."""

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI

from api.errors import Forbidden, NotLoggedIn, Problem, status_of
from overheard.errors import OverheardError

_EVERYWHERE: tuple[type[OverheardError], ...] = (NotLoggedIn, Forbidden)


def problems(*kinds: type[OverheardError]) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that can answer with these errors, besides those that every route can."""
    told: dict[HTTPStatus, list[str]] = {}
    for kind in (*_EVERYWHERE, *kinds):
        told.setdefault(status_of(kind), []).append(f"`{kind.__name__}`: {kind.__doc__}")
    answers: dict[int | str, dict[str, Any]] = {
        status.value: {"model": Problem, "description": " ".join(told[status])} for status in sorted(told)
    }
    return answers | {500: {"model": Problem, "description": "`Unexpected`: it is in the server's log."}}


def complete_openapi(app: FastAPI) -> None:
    """Leave out the framework's own error shape, which no route of ours answers with."""
    make = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = make()
            for path in schema["paths"].values():
                for operation in path.values():
                    if "HTTPValidationError" in str(operation["responses"].get("422")):
                        del operation["responses"]["422"]
            for name in ("HTTPValidationError", "ValidationError"):
                schema["components"]["schemas"].pop(name, None)
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign] # FastAPI's own documented way to extend the schema
