"""Pieces of text that SDRs write often. Placeholders in braces must be filled before a reply is approved."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.errors import InvalidInput, NotFound
from overheard.models import Snippet, User
from overheard.text import clean
from overheard.vocabulary import Role

MAX_NAME = 80
MAX_TEXT = 4_000


def of_user(session: Session, user: User) -> Sequence[Snippet]:
    """One's own and everybody's: own ones first, answers to objections last, each by name."""
    own_or_shared = (Snippet.user_id == user.id) | Snippet.user_id.is_(None)
    statement = sa.select(Snippet).where(own_or_shared)
    return session.scalars(
        statement.order_by(Snippet.objection.is_not(None), Snippet.user_id.is_(None), Snippet.name, Snippet.id)
    ).all()


def add(
    session: Session, *, name: str, text: str, objection: str | None, is_shared: bool, actor: User, now: datetime
) -> Snippet:
    """A new one. Those for everybody are an admin's to write."""
    if is_shared:
        _check_may_share(actor)
    snippet = Snippet(user_id=None if is_shared else actor.id, changed_at=now, **_checked(name, text, objection))
    session.add(snippet)
    session.flush()
    return snippet


def change(
    session: Session, snippet_id: int, *, name: str, text: str, objection: str | None, actor: User, now: datetime
) -> Snippet:
    """Change one's own, or as an admin everybody's."""
    snippet = _of(session, snippet_id, actor)
    for field, value in _checked(name, text, objection).items():
        setattr(snippet, field, value)
    snippet.changed_at = now
    session.flush()
    return snippet


def remove(session: Session, snippet_id: int, *, actor: User) -> None:
    """Let one go."""
    session.delete(_of(session, snippet_id, actor))


def add_shipped(session: Session, *, actor: User, now: datetime) -> int:
    """The answers to frequent objections that ship, for everybody; those of which the name is there are left alone."""
    _check_may_share(actor)
    there = set(session.scalars(sa.select(Snippet.name).where(Snippet.user_id.is_(None))))
    missing = [(name, objection, text) for name, objection, text in _SHIPPED if name not in there]
    session.add_all(
        Snippet(user_id=None, name=name, objection=objection, text=text, changed_at=now)
        for name, objection, text in missing
    )
    session.flush()
    return len(missing)


def _check_may_share(actor: User) -> None:
    if actor.role is not Role.ADMIN:
        raise InvalidInput("Snippets for everybody are written by an admin. Keep it as your own.")


def _of(session: Session, snippet_id: int, actor: User) -> Snippet:
    snippet = session.get(Snippet, snippet_id)
    if snippet is None or snippet.user_id not in {actor.id, None}:
        raise NotFound(f"You have no snippet {snippet_id}.")
    if snippet.user_id is None and actor.role is not Role.ADMIN:
        raise InvalidInput("This snippet is everybody's: an admin changes it. Make one of your own from it.")
    return snippet


def _checked(name: str, text: str, objection: str | None) -> dict[str, str | None]:
    name, text, objection = clean(name).strip(), clean(text).strip(), clean(objection or "").strip() or None
    if not name or not text:
        raise InvalidInput("A snippet needs a name and a text.")
    if len(name) > MAX_NAME or len(text) > MAX_TEXT or len(objection or "") > MAX_NAME:
        raise InvalidInput(f"A name has at most {MAX_NAME} characters, a text at most {MAX_TEXT:,}.")
    return {"name": name, "text": text, "objection": objection}


_SHIPPED = (
    (
        "Price, honestly",
        "It is too expensive.",
        "Fair point. It pays off from about {when it pays off} on. Below that, {a cheaper way} does the job.",
    ),
    (
        "Free tools",
        "There are free tools for this.",
        ("There are, and for {what they are good at} they are the better choice. What they lack is {what they lack}."),
    ),
    (
        "A spreadsheet will do",
        "A spreadsheet is enough.",
        "A sheet is fine as long as {the condition}. It began to hurt us when {what happened}.",
    ),
    (
        "No time to switch",
        "We have no time to change tools.",
        "Understandable. What took the time elsewhere was {the slow part}; it took {how long}.",
    ),
    (
        "Happy with another",
        "We use something else and are happy.",
        "Then stay. If {the sign of trouble} ever comes up, that is the moment to look around.",
    ),
    (
        "Not now",
        "Not now, maybe later.",
        "No hurry. What would have to be true for it to matter to you: {the question}?",
    ),
    (
        "Just advertising",
        "This is just advertising.",
        "You are right to ask. I work on it, so weigh what I say. Without us in it: {the neutral advice}.",
    ),
    (
        "Data protection",
        "Where does our data go?",
        ("It stays {where it stays}. Who can read it: {who can read it}. The details are {where they are written}."),
    ),
    (
        "Too small for it",
        "We are too small for that.",
        "With {their size} people I would begin with {the small step} and see.",
    ),
    (
        "Missing feature",
        "It cannot do what we need.",
        "True, {the feature} is missing today. Until it is there, {the workaround} works for some.",
    ),
    (
        "Lock-in",
        "How do we get out again?",
        ("You can take out {what can be taken out} as {the format} at any time. What stays behind is {what is lost}."),
    ),
    (
        "Who else uses it",
        "Who else uses it?",
        "Mostly {the kind of people}. Those who are unlike that, {the others}, were less happy.",
    ),
)
