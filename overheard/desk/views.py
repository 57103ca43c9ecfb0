"""Saved views: filters of the queue that somebody gave a name, for themselves or for all."""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.errors import InvalidInput, NotFound
from overheard.models import SavedView, User

MAX_NAME = 60
MAX_VIEWS = 50


@dataclass(frozen=True, slots=True)
class View:
    """A saved view, and whose it is."""

    saved: SavedView
    owner: str


_USER: sa.BindParameter[int] = sa.bindparam("user_id")
_VISIBLE = (
    sa.select(SavedView, User.name)
    .join(User, User.id == SavedView.user_id)
    .where(sa.or_(SavedView.user_id == _USER, SavedView.is_shared))
    .order_by(SavedView.user_id != _USER, SavedView.name, SavedView.id)
)


def visible(session: Session, user: User) -> list[View]:
    """The user's own views and those that others share, by name, the user's own first."""
    return [View(saved, owner) for saved, owner in session.execute(_VISIBLE, {"user_id": user.id})]


def save(session: Session, user: User, *, name: str, params: str, is_shared: bool = False) -> SavedView:
    """Keep filters under a name; a name that the user has already gets these filters."""
    name = " ".join(name.split())
    if not 1 <= len(name) <= MAX_NAME:
        raise InvalidInput(f"A view's name has 1 to {MAX_NAME} characters; this one has {len(name)}.")
    own = _own(session, user)
    view = next((view for view in own if view.name == name), None)
    if view is None:
        if len(own) >= MAX_VIEWS:
            raise InvalidInput(f"You have {MAX_VIEWS} views, which is the most: delete one first.")
        view = SavedView(user_id=user.id, name=name)
        session.add(view)
    view.params, view.is_shared = params, is_shared
    session.flush()
    return view


def share(session: Session, user: User, view_id: int, *, is_shared: bool) -> SavedView:
    """Let all see one's own view, or nobody else any more."""
    view = _get(session, user, view_id)
    view.is_shared = is_shared
    session.flush()
    return view


def delete(session: Session, user: User, view_id: int) -> SavedView:
    """Forget one's own view."""
    view = _get(session, user, view_id)
    session.delete(view)
    session.flush()
    return view


def _own(session: Session, user: User) -> Sequence[SavedView]:
    return session.scalars(sa.select(SavedView).where(SavedView.user_id == user.id)).all()


def _get(session: Session, user: User, view_id: int) -> SavedView:
    view = session.get(SavedView, view_id)
    if view is None or view.user_id != user.id:  # what others keep for themselves is not there at all
        raise NotFound(f"You have no view {view_id}. A view that somebody else shares is theirs to change.")
    return view
