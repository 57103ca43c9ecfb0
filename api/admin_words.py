"""How what an operator should know is said on a page."""

import re

from markupsafe import Markup

from api.words import plain

_STATES = {"todo": "waits", "doing": "runs", "failed": "given up"}

# `a command`, or the address of one of our pages that stands alone.
_SPECIAL = re.compile(
    r"`([^`]+)`|(?<![^\s(])(/(?:admin|sources|replies|accounts|alerts/deliveries|crm|models))(?![\w/])"
)


def advised(text: str) -> Markup:
    """What the doctor says, with its commands as such and its pages as links; the page it is said on is `below`."""
    told, end = Markup(), 0
    for found in _SPECIAL.finditer(text := plain(text)):
        told += text[end : found.start()]
        match found.groups():
            case command, None:
                told += Markup("<code>{}</code>").format(command)
            case _, "/admin":
                told += "below"
            case _, page:
                told += Markup('<a href="{0}">{0}</a>').format(page)
        end = found.end()
    return told + text[end:]


def job_state(state: str) -> str:
    """Where a job stands, in a person's words."""
    return _STATES.get(state, state)


def cut(text: str, limit: int) -> tuple[str, str]:
    """A one-line text in two: what is shown at once, and what of it is shown when asked for."""
    text = plain(text)
    return (text, "") if len(text) <= limit else (text[:limit], text[limit:])
