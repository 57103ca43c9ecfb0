"""The one table from our errors to HTTP, and how an error looks: a page for people, a `Problem` for programs.

The errors themselves know no HTTP status. Nothing of a request, and no traceback, is ever in an answer.
"""

import logging
import sqlite3
from http import HTTPStatus
from typing import cast
from urllib.parse import urlencode

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from sqlalchemy.exc import DBAPIError, OperationalError, ProgrammingError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from api.middleware import SECURITY_HEADERS
from api.pages import page
from api.state import state_of
from overheard.db import is_behind
from overheard.errors import InvalidInput, NotFound, OverheardError, Refusal, ReplyRefused, WrongStage
from overheard.users.accounts import LoginRefused, LoginThrottled

log = logging.getLogger(__name__)


class NotLoggedIn(OverheardError):
    """Log in first. For /v1 send an API token: Authorization: Bearer ovh_…"""


class Forbidden(OverheardError):
    """Your role does not allow this."""


class TooLarge(OverheardError):
    """This is more than we take: at most 1 MiB."""


class WrongMethod(OverheardError):
    """This address does not take that method."""


class WrongMediaType(OverheardError):
    """A body for /v1 is JSON: Content-Type: application/json."""


class ChangedMeanwhile(OverheardError):
    """It has changed since you read it: read it again, and send its new ETag as If-Match."""


class KeyReused(InvalidInput):
    """This Idempotency-Key was sent with another request: take a new key for a new request."""


class StillRunning(OverheardError):
    """The request with this Idempotency-Key is still running: wait a moment and send it again."""


class AnswerErased(OverheardError):
    """This was done when it was first sent. What it was answered with is gone, as something was erased since."""


class TooManyListeners(OverheardError):
    """You listen to events from too many places at once: close one."""


class DatabaseAway(OverheardError):
    """The database does not answer just now. Wait a moment, look whether your last step was done, and try again."""


class DiskFull(OverheardError):
    """There is no room left where the database is, so nothing can be kept. Make room, then try again: see /admin."""


class TablesBehind(OverheardError):
    """The tables are older than this version. Whoever looks after it: overheard init (docs/upgrading.md)."""


class BadForm(Forbidden):
    """This form was not made for this browser, or it is too old. Go back, reload the page and try again."""


# An error stands for all errors below it that have no line of their own.
STATUS: dict[type[OverheardError], HTTPStatus] = {
    NotLoggedIn: HTTPStatus.UNAUTHORIZED,
    LoginRefused: HTTPStatus.UNAUTHORIZED,
    Forbidden: HTTPStatus.FORBIDDEN,
    NotFound: HTTPStatus.NOT_FOUND,
    WrongMethod: HTTPStatus.METHOD_NOT_ALLOWED,
    WrongStage: HTTPStatus.CONFLICT,
    StillRunning: HTTPStatus.CONFLICT,
    AnswerErased: HTTPStatus.GONE,
    ChangedMeanwhile: HTTPStatus.PRECONDITION_FAILED,
    TooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    WrongMediaType: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    InvalidInput: HTTPStatus.UNPROCESSABLE_ENTITY,
    ReplyRefused: HTTPStatus.UNPROCESSABLE_ENTITY,
    KeyReused: HTTPStatus.UNPROCESSABLE_ENTITY,
    LoginThrottled: HTTPStatus.TOO_MANY_REQUESTS,
    TooManyListeners: HTTPStatus.TOO_MANY_REQUESTS,
    DatabaseAway: HTTPStatus.SERVICE_UNAVAILABLE,
    TablesBehind: HTTPStatus.SERVICE_UNAVAILABLE,
    DiskFull: HTTPStatus.INSUFFICIENT_STORAGE,
    OverheardError: HTTPStatus.INTERNAL_SERVER_ERROR,
}

# What the framework itself refuses, as errors of ours.
_FROM_FRAMEWORK = {
    HTTPStatus.BAD_REQUEST: InvalidInput("The body could not be read."),
    HTTPStatus.NOT_FOUND: NotFound("There is nothing at this address."),
    HTTPStatus.METHOD_NOT_ALLOWED: WrongMethod(),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: TooLarge(),
}

_NO_ROOM = "53100"  # as PostgreSQL calls a full disk

_UNEXPECTED = "Something went wrong on our side. It is in the server's log; try again."

_TITLES = {
    HTTPStatus.UNAUTHORIZED: "You are not logged in",
    HTTPStatus.FORBIDDEN: "That is not allowed",
    HTTPStatus.NOT_FOUND: "Not found",
    HTTPStatus.METHOD_NOT_ALLOWED: "That does not work here",
    HTTPStatus.CONFLICT: "Somebody was faster",
    HTTPStatus.PRECONDITION_FAILED: "It has changed meanwhile",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "Too much at once",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "That is not JSON",
    HTTPStatus.UNPROCESSABLE_ENTITY: "That cannot be taken as it is",
    HTTPStatus.TOO_MANY_REQUESTS: "Too many attempts",
    HTTPStatus.INTERNAL_SERVER_ERROR: "Something went wrong",
    HTTPStatus.SERVICE_UNAVAILABLE: "The database is not ready",
    HTTPStatus.INSUFFICIENT_STORAGE: "The disk is full",
}


PROBLEM_JSON = "application/problem+json"


class Problem(BaseModel):
    """Every error that `/v1` answers with: a problem as RFC 9457 describes it, and its kind as one word."""

    type: str = Field(description="Always `about:blank`: `error` tells the kind.", examples=["about:blank"])
    title: str = Field(description="The status in words.", examples=["Conflict"])
    status: int = Field(description="The HTTP status.", examples=[409])
    error: str = Field(description="The kind of error, for programs.", examples=["WrongStage"])
    detail: str = Field(description="What happened and what to do, for people.")
    refusals: list[Refusal] = Field([], description="Of a reply that was refused: what each guardrail has against it.")


def status_of(error: OverheardError | type[OverheardError]) -> HTTPStatus:
    """The HTTP status of an error: its own line in the table, or that of the nearest kind above it."""
    kind = error if isinstance(error, type) else type(error)
    return next(STATUS[parent] for parent in kind.__mro__ if parent in STATUS)


def install(app: FastAPI) -> None:
    """Let every error be answered in one of our two shapes."""
    app.add_exception_handler(OverheardError, _expected)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _from_framework)
    for kind in (OperationalError, ProgrammingError):
        app.add_exception_handler(kind, _from_database)
    app.add_exception_handler(Exception, _unexpected)


def answer(request: Request, error: OverheardError, *, name: str | None = None) -> Response:
    """The answer to a request that ended in an error."""
    status = status_of(error)
    if not is_api(request):
        return page(request, "error.html", status=status, title=_TITLES[status], detail=str(error))
    headers = {"WWW-Authenticate": "Bearer"} if status is HTTPStatus.UNAUTHORIZED else None
    problem = Problem(
        type="about:blank",
        title=status.phrase,
        status=status,
        error=name or type(error).__name__,
        detail=str(error),
        refusals=list(error.refusals) if isinstance(error, ReplyRefused) else [],
    )
    body = problem.model_dump(exclude=set() if problem.refusals else {"refusals"}, mode="json")
    return JSONResponse(body, status, headers, PROBLEM_JSON)


def is_api(request: Request) -> bool:
    """Whether a program asks, and not a browser."""
    return (
        request.url.path.startswith(("/v1/", "/hooks/", "/healthz", "/readyz", "/metrics")) or request.url.path == "/v1"
    )


def _expected(request: Request, error: Exception) -> Response:
    if isinstance(error, NotLoggedIn) and not is_api(request):
        return RedirectResponse(_login_address(request), HTTPStatus.SEE_OTHER)
    return answer(request, cast("OverheardError", error))


def _login_address(request: Request) -> str:
    if request.method != "GET" or request.url.path == "/":
        return "/login"
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return "/login?" + urlencode({"next": here})


def _invalid(request: Request, error: Exception) -> Response:
    problems = cast("RequestValidationError", error).errors()
    if any(problem["loc"][0] == "path" for problem in problems):
        return answer(request, _FROM_FRAMEWORK[HTTPStatus.NOT_FOUND])
    told = "; ".join(f"{_place(problem['loc'])}: {problem['msg']}" for problem in problems)
    return answer(request, InvalidInput(f"{told}."))


def _place(loc: tuple[str | int, ...]) -> str:
    """Where in the request: without the "query" or "body" in front, which says nothing to a person."""
    return ".".join(str(part) for part in loc[1:]) or str(loc[0])


def _from_framework(request: Request, error: Exception) -> Response:
    refused = cast("HTTPException", error)
    ours = _FROM_FRAMEWORK.get(HTTPStatus(refused.status_code), OverheardError(_UNEXPECTED))
    response = answer(request, ours)
    response.headers.update(refused.headers or {})
    return response


def _from_database(request: Request, error: Exception) -> Response:
    """It restarts, it is full, or somebody writes for very long: no fault of the request, so it may be sent again."""
    cause = cast("DBAPIError", error).orig
    if _is_full(cause):
        log.error("The disk of the database is full.", extra={"action": "disk_full"})
        return answer(request, DiskFull())
    if isinstance(error, ProgrammingError) or (isinstance(cause, sqlite3.Error) and "locked" not in str(cause)):
        if not _is_behind(request):
            raise error  # a fault of ours; of SQLite a missing table is an OperationalError too
        log.error("The tables are older than this version.", extra={"action": "tables_behind"})
        return answer(request, TablesBehind())
    log.error("The database is away: %s.", type(cause).__name__, extra={"action": "database_away"})
    response = answer(request, DatabaseAway())
    response.headers["Retry-After"] = "2"
    return response


def _is_full(cause: BaseException | None) -> bool:
    if isinstance(cause, sqlite3.Error):
        return getattr(cause, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
    return getattr(cause, "sqlstate", None) == _NO_ROOM


def _is_behind(request: Request) -> bool:
    with state_of(request).engine.connect() as connection:
        return is_behind(connection)


def _unexpected(request: Request, error: Exception) -> Response:
    # The server logs the traceback itself, as the error goes on to it after this answer.
    log.error("A request failed: %s.", type(error).__name__, extra={"action": "request_failed"})
    response = answer(request, OverheardError(_UNEXPECTED), name="Unexpected")
    response.headers.update(SECURITY_HEADERS)  # this answer is made outside of the middleware that sets them
    return response
