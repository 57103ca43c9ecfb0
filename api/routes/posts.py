"""Posts that a person hands over: a form, a bookmarklet that fills it, and what a phone's share button sends."""

import re
from http import HTTPStatus
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from api.access import Action
from api.deps import Db, Now, Text, on_page
from api.errors import status_of
from api.pages import page
from api.state import state_of
from overheard.errors import InvalidInput
from overheard.listening import by_hand
from overheard.models import User

router = APIRouter(prefix="/posts/new")

Typed = Annotated[Text, Form()]

# Selected text that goes into an address: servers and proxies on the way take 8,000 bytes, and a character may be nine.
_SELECTED = 800

# It opens our form beside the page that is being read, and gives that page no way back to us.
_BOOKMARKLET = (
    "javascript:void open('{form}?url='+encodeURIComponent(location.href)+'&title='+encodeURIComponent(document.title)"
    "+'&text='+encodeURIComponent(String(getSelection()).slice(0,{most})),'_blank','noopener')"
)

_ADDRESS = re.compile(r"https?://\S+")


@router.get("")
def form(
    *,
    request: Request,
    viewer: Annotated[User, on_page(Action.ADD_POST)],
    url: Text = "",
    title: Text = "",
    text: Text = "",
    author: Text = "",
    community: Text = "",
) -> Response:
    """The form, filled by the address. A phone that shares puts the post's address at the end of the text."""
    if not url and (found := _ADDRESS.findall(text)):
        url, text = found[-1], text.removesuffix(found[-1]).strip()
    typed = {"url": url, "title": title, "text": text, "author": author, "community": community}
    return _page(request, viewer, typed)


@router.post("")
def take(
    *,
    request: Request,
    viewer: Annotated[User, on_page(Action.ADD_POST)],
    db: Db,
    now: Now,
    url: Typed = "",
    title: Typed = "",
    text: Typed = "",
    author: Typed = "",
    community: Typed = "",
) -> Response:
    """Take the post in, and say what became of it."""
    typed = {"url": url, "title": title, "text": text, "author": author, "community": community}
    try:
        with db.begin_nested():
            taken = by_hand.take_by_hand(db, now=now, settings=state_of(request).settings, **typed)
    except InvalidInput as error:
        return _page(request, viewer, typed, status=status_of(error), refused=error)
    return _page(request, viewer, dict.fromkeys(typed, ""), taken=taken)


def _page(
    request: Request,
    viewer: User,
    typed: dict[str, str],
    *,
    status: HTTPStatus = HTTPStatus.OK,
    taken: by_hand.Taken | None = None,
    refused: InvalidInput | None = None,
) -> Response:
    here = quote(str(request.url.replace(path="/posts/new", query="", fragment="")), safe=":/[]")
    return page(
        request,
        "new_post.html",
        viewer=viewer,
        status=status,
        typed=typed,
        taken=taken,
        refused=refused,
        bookmarklet=_BOOKMARKLET.format(form=here, most=_SELECTED),
    )
