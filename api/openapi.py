"""The description of `/v1`: every error of every route, in one shape, and what all routes have in common."""

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI

from api.errors import (
    PROBLEM_JSON,
    AnswerErased,
    Forbidden,
    KeyReused,
    NotLoggedIn,
    Problem,
    StillRunning,
    TooLarge,
    WrongMediaType,
    status_of,
)
from api.idempotency import HEADER, MAX_KEY
from overheard.errors import OverheardError

_EVERYWHERE: tuple[type[OverheardError], ...] = (NotLoggedIn, Forbidden)

_WORKS_ONCE = {
    "name": HEADER,
    "in": "header",
    "required": False,
    "description": "Any text of yours, best a random UUID. The same request under the same key within 24 hours is not "
    "done again but answered with the stored answer.",
    "schema": {"type": "string", "minLength": 1, "maxLength": MAX_KEY, "pattern": "^[ -~]+$"},
}
_NOT_AGAIN = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "ETags of what you have already.",
    "schema": {"type": "string"},
}
_SAME = {"description": "You have it already: its ETag is in If-None-Match."}


def problems(*kinds: type[OverheardError]) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that can answer with these errors, besides those that every route can."""
    told: dict[HTTPStatus, list[str]] = {}
    for kind in (*_EVERYWHERE, *kinds):
        told.setdefault(status_of(kind), []).append(_told(kind))
    answers: dict[int | str, dict[str, Any]] = {
        status.value: {"model": Problem, "description": " ".join(told[status])} for status in sorted(told)
    }
    return answers | {500: {"model": Problem, "description": "`Unexpected`: it is in the server's log."}}


def _told(kind: type[OverheardError]) -> str:
    return f"`{kind.__name__}`: {kind.__doc__}"


def complete_openapi(app: FastAPI) -> None:
    """Leave out the framework's own error shape, which no route answers with, and add what `ApiRoute` does."""
    make = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = make()
            for path in schema["paths"].values():
                for method, operation in path.items():
                    _complete(method, operation)
            for name in ("HTTPValidationError", "ValidationError"):
                schema["components"]["schemas"].pop(name, None)
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign] # FastAPI's own documented way to extend the schema


def _complete(method: str, operation: dict[str, Any]) -> None:
    answers = operation["responses"]
    if "HTTPValidationError" in str(answers.get("422")):
        del answers["422"]
    if "text/event-stream" in str(answers):
        pass  # a stream has no ETag
    elif method == "get":
        operation.setdefault("parameters", []).append(_NOT_AGAIN)
        answers["304"] = _SAME
    else:
        operation.setdefault("parameters", []).append(_WORKS_ONCE)
        if str(status_of(TooLarge).value) not in answers:
            _add_problem(answers, TooLarge)
        _add_problem(answers, StillRunning)
        _add_problem(answers, KeyReused)
        _add_problem(answers, AnswerErased)
        if "requestBody" in operation:
            _add_problem(answers, WrongMediaType)
    for status, answer in answers.items():
        if status >= "400" and "application/json" in answer.get("content", {}):
            answer["content"] = {PROBLEM_JSON: answer["content"]["application/json"]}


def _add_problem(answers: dict[str, Any], kind: type[OverheardError]) -> None:
    shape = {"content": {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}}}}
    answer = answers.setdefault(str(status_of(kind).value), {**shape, "description": ""})
    answer["description"] = f"{answer['description']} {_told(kind)}".strip()
