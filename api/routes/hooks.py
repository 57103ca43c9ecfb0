"""Where platforms post events. There is no login and no form: the hook itself tells from a signature who posts."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from api.deps import StateDep
from overheard.errors import NotFound

router = APIRouter()


async def _body(request: Request) -> bytes:
    return await request.body()


@router.post("/hooks/{name}")
def hook(name: str, request: Request, state: StateDep, body: Annotated[bytes, Depends(_body)]) -> Response:
    """What the hook of this name answers; it has committed what it keeps."""
    found = state.hooks.get(name)
    if found is None:
        raise NotFound("There is no such hook.")
    answer = found(dict(request.headers), body)
    return Response(answer.body, answer.status, media_type=answer.media_type)
