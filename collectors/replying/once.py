"""One request, sent once, for the platforms that are spoken to with plain HTTP."""

import json
from collections.abc import Mapping

from collectors.base import Tools
from collectors.http import JsonReader, retry_after
from collectors.replying.base import UnclearError, judge
from collectors.rows import Row


def post_once(
    reader: JsonReader,
    tools: Tools,
    path: str,
    body: Mapping[str, object],
    *,
    platform: str,
    headers: Mapping[str, str],
) -> Row:
    """The answer to a POST. `Refused` where it was surely not taken; whatever else is raised: it may have been."""
    content = json.dumps(body).encode()
    sent = {"Content-Type": "application/json", **headers}
    answer = reader.exchange("POST", path, headers=sent, content=content)
    said = _parsed(answer.body)
    wait = retry_after(answer.headers.get("Retry-After"), now=tools.clock())
    judge(platform, answer.status, retry_after=wait, said=_reason(said))
    if not isinstance(said, dict):
        raise UnclearError(f"{platform} answered {path} in an unknown form.")
    return said


def _parsed(body: bytes | None) -> object:
    try:
        found: object = json.loads(body or b"")
    except (ValueError, RecursionError):
        return None
    return found


def _reason(said: object) -> str:
    """What the platform says for people."""
    if not isinstance(said, dict):
        return ""
    errors = said.get("errors")
    told = said.get("message") or (errors[0] if isinstance(errors, list) and errors else None) or said.get("error")
    return told if isinstance(told, str) else ""
