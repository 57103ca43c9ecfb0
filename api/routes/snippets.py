"""Pieces of text that SDRs write often."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from api.access import Action
from api.deps import Db, Id, Now, ReadDb, Text, on_page
from api.pages import Flash, done, page
from overheard.models import User
from overheard.replying import snippets

router = APIRouter(prefix="/snippets")

Editor = Annotated[User, on_page(Action.EDIT_SNIPPET)]
Words = Annotated[Text, Form()]
_HERE = "/snippets"


@router.get("")
def all_snippets(request: Request, viewer: Annotated[User, on_page(Action.READ_REPLIES)], db: ReadDb) -> Response:
    """One's own and everybody's."""
    return page(request, "snippets.html", viewer=viewer, snippets=snippets.of_user(db, viewer))


@router.post("")
def add(
    *,
    request: Request,
    viewer: Editor,
    db: Db,
    now: Now,
    name: Words = "",
    text: Words = "",
    objection: Words = "",
    is_shared: Annotated[bool, Form()] = False,
) -> Response:
    """A new one."""
    snippets.add(db, name=name, text=text, objection=objection, is_shared=is_shared, actor=viewer, now=now)
    return done(request, _HERE, Flash("Kept. It is offered where you write."))


@router.post("/shipped")
def add_shipped(*, request: Request, viewer: Editor, db: Db, now: Now) -> Response:
    """The answers to frequent objections that ship, for everybody."""
    return done(request, _HERE, Flash(f"Added {snippets.add_shipped(db, actor=viewer, now=now)}."))


@router.post("/{snippet_id}")
def change(
    *,
    request: Request,
    snippet_id: Id,
    viewer: Editor,
    db: Db,
    now: Now,
    name: Words = "",
    text: Words = "",
    objection: Words = "",
) -> Response:
    """Change one."""
    snippets.change(db, snippet_id, name=name, text=text, objection=objection, actor=viewer, now=now)
    return done(request, _HERE, Flash("Changed."))


@router.post("/{snippet_id}/remove")
def remove(*, request: Request, snippet_id: Id, viewer: Editor, db: Db) -> Response:
    """Let one go."""
    snippets.remove(db, snippet_id, actor=viewer)
    return done(request, _HERE, Flash("Removed."))
