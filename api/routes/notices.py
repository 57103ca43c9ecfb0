"""The page of the bell."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import RedirectResponse, Response

from api.access import Action
from api.deps import MAX_ID, Db, Id, Now, ReadDb, on_page
from api.pages import Flash, done, page
from api.security import own_page
from overheard.errors import NotFound
from overheard.models import Notice, User
from overheard.notifications import notices

router = APIRouter(prefix="/notices")


@router.get("")
def my_notices(
    request: Request,
    viewer: Annotated[User, on_page(Action.READ_ME)],
    db: ReadDb,
    before: Annotated[int | None, Query(ge=1, le=MAX_ID)] = None,
) -> Response:
    """What one was told, the newest first."""
    found = notices.page(db, viewer.id, before=before)
    shown = found[: notices.PAGE_SIZE]
    older = shown[-1].id if len(found) > len(shown) else None
    return page(request, "notices.html", viewer=viewer, found=shown, older=older, before=before)


@router.post("/read")
def read_all(request: Request, viewer: Annotated[User, on_page(Action.MARK_NOTICES)], db: Db, now: Now) -> Response:
    """Mark all read."""
    count = notices.read(db, viewer.id, now)
    return done(request, "/notices", Flash(f"{count} marked read."))


@router.post("/{notice_id}/open")
def open_notice(notice_id: Id, viewer: Annotated[User, on_page(Action.MARK_NOTICES)], db: Db, now: Now) -> Response:
    """Mark one read, and go where it leads."""
    notice = db.get(Notice, notice_id)
    if notice is None or notice.user_id != viewer.id:
        raise NotFound("You have no such notice.")
    notices.read(db, viewer.id, now, notice_id=notice_id)
    return RedirectResponse(own_page(notice.link) if notice.link else "/notices", HTTPStatus.SEE_OTHER)
