"""ETags: what somebody has already is not sent again, and what has changed meanwhile is not overwritten.

Tags are strong: they are of the very bytes that are sent. A proxy that compresses these makes a tag weak. A weak one is
as good for asking whether something is new; it is refused where something is to be changed (RFC 9110, 13.1.1).
"""

import hashlib
import re
from collections.abc import Callable
from typing import Annotated

from fastapi import Header
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from api.errors import ChangedMeanwhile

IfMatch = Annotated[
    str | None, Header(description="The ETag of what you have read; 412 when it has changed since. Default: overwrite.")
]

_LISTED = re.compile(r'(?:W/)?"[^"]*"')


def tag_of(content: bytes) -> str:
    """The ETag of some content."""
    return f'"{hashlib.sha256(content).hexdigest()[:24]}"'


def tagged(request: Request, response: Response) -> Response:
    """The answer to a GET with its ETag, or 304 where the reader has just that."""
    if response.status_code != 200 or not hasattr(response, "body"):  # noqa: PLR2004 - a stream has no body yet
        return response
    tag = tag_of(bytes(response.body))
    if _meets(request.headers.get("If-None-Match"), tag):
        return Response(status_code=304, headers={"ETag": tag})
    response.headers["ETag"] = tag
    return response


def check(if_match: str | None, current: Callable[[], BaseModel]) -> None:
    """`ChangedMeanwhile` unless what is there now is what the caller has read."""
    if if_match is None:
        return
    tag = tag_of(current().model_dump_json().encode())
    if if_match.strip() == "*" or tag in _LISTED.findall(if_match):
        return
    if _meets(if_match, tag):
        raise ChangedMeanwhile(
            "A weak ETag (W/…) does not say that nothing was changed. Something between us compresses answers: ask for "
            "them with Accept-Encoding: identity, and send the ETag that comes then."
        )
    raise ChangedMeanwhile


def _meets(header: str | None, tag: str) -> bool:
    if header is None:
        return False
    return header.strip() == "*" or tag in (listed.removeprefix("W/") for listed in _LISTED.findall(header))
