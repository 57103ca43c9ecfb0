"""The router of `/v1`: idempotency keys, ETags and the refusal of bodies that are not JSON come with its routes."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from api import etags
from api.errors import WrongMediaType
from api.idempotency import answer_once

WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})


class ApiRoute(APIRoute):
    """A route of `/v1`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The framework's own handler, between what all routes have in common."""
        answer = super().get_route_handler()

        async def handle(request: Request) -> Response:
            if request.method not in WRITES:
                return etags.tagged(request, await answer(request))
            if self.body_field is not None and await request.body() and not _is_json(request):
                raise WrongMediaType
            return await answer_once(request, answer)

        return handle


class ApiRouter(APIRouter):
    """A router whose routes are of `/v1`."""

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - handed on as they are
        super().__init__(prefix="/v1", route_class=ApiRoute, **options)


def _is_json(request: Request) -> bool:
    kind = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))
