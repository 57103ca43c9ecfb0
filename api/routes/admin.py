"""The operator's page: what is wrong, jobs, dead letters, sources in trouble, versions and sizes."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from api.access import Action
from api.deps import MAX_ID, Db, Id, Now, ReadDb, StateDep, on_page
from api.pages import Flash, done, page
from api.state import State
from overheard.errors import InvalidInput, NotFound, OverheardError, WrongStage
from overheard.listening import dead_letters
from overheard.listening.dead_letters import Retried
from overheard.listening.intake import Item
from overheard.models import DeadLetter, User
from overheard.operations import jobs, tending
from overheard.operations.findings import Installation
from overheard.operations.overview import not_well, overview, spoils_all

router = APIRouter(prefix="/admin")

HERE = "/admin"
_JOBS_SHOWN = 50

Reader = Annotated[User, on_page(Action.READ_OPERATIONS)]
Keeper = Annotated[User, on_page(Action.CHANGE_OPERATIONS)]


class AdminParams(BaseModel):
    """The place in the list of dead letters."""

    model_config = ConfigDict(extra="forbid")

    before: int | None = Field(None, ge=1, le=MAX_ID)


@router.get("")
def show_admin(
    *,
    request: Request,
    viewer: Reader,
    state: StateDep,
    db: ReadDb,
    now: Now,
    params: Annotated[AdminParams, Query()],
) -> Response:
    """All of it on one page."""
    installation = Installation(state.settings, state.engine, now)
    findings = not_well(installation)
    if any(map(spoils_all, findings)):
        return page(request, "admin.html", viewer=viewer, findings=findings, seen=None)
    letters = dead_letters.page(db, before=params.before)
    shown = letters[: dead_letters.PAGE_SIZE]
    return page(
        request,
        "admin.html",
        viewer=viewer,
        findings=findings,
        seen=overview(db, installation),
        failed=jobs.jobs(db, states=[jobs.FAILED], limit=_JOBS_SHOWN),
        letters=shown,
        source_ids={one.source.origin: one.source.id for one in installation.health},
        before=params.before,
        older=shown[-1].id if len(letters) > len(shown) else None,
    )


@router.post("/jobs/{job_id}/retry")
def retry_job(request: Request, job_id: Id, viewer: Keeper, db: Db, now: Now) -> Response:
    """Let a job that was given up be done again."""
    retry = partial(tending.retry_job, db, job_id, actor=viewer, now=now)
    return _told(request, "jobs", retry, f"Job {job_id} waits to be done again.")


@router.post("/jobs/{job_id}/drop")
def drop_job(request: Request, job_id: Id, viewer: Keeper, db: Db, now: Now) -> Response:
    """Forget a job."""
    drop = partial(tending.drop_job, db, job_id, actor=viewer, now=now)
    return _told(request, "jobs", drop, f"Job {job_id} is dropped. What is to be done comes up again by itself.")


def read_again(state: State, letter_id: int) -> Sequence[Item]:
    """What a dead letter is by now. No transaction is open while its platform is asked."""
    with state.reading() as session:
        letter: DeadLetter = dead_letters.get(session, letter_id)
    if state.reread is None:
        raise InvalidInput("This server was started without the means to ask platforms: overheard dead-letters retry")
    return state.reread(letter)


def asked_first(_keeper: Keeper, letter_id: Id, state: StateDep) -> Sequence[Item] | OverheardError:
    """The item once more, or why it cannot be had, which the page says."""
    try:
        return read_again(state, letter_id)
    except OverheardError as error:
        return error


@router.post("/dead-letters/{letter_id}/retry")
def retry_letter(
    *,
    request: Request,
    letter_id: Id,
    viewer: Keeper,
    items: Annotated[Sequence[Item] | OverheardError, Depends(asked_first)],
    state: StateDep,
    db: Db,
    now: Now,
) -> Response:
    """Take an item in after all."""
    if isinstance(items, OverheardError):
        return done(request, f"{HERE}#dead-letters", Flash(str(items), is_bad=True))
    take = partial(dead_letters.take_again, db, state.settings, letter_id, items, actor=viewer, now=now)
    return _told(request, "dead-letters", take)


@router.post("/dead-letters/{letter_id}/drop")
def drop_letter(request: Request, letter_id: Id, viewer: Keeper, db: Db, now: Now) -> Response:
    """Let an item go."""
    drop = partial(dead_letters.drop, db, letter_id, actor=viewer, now=now)
    return _told(request, "dead-letters", drop, "It is dropped.")


_CAME_OF_IT = {
    Retried.TAKEN_IN: "It could be read and is taken in.",
    Retried.UNREADABLE: "It still cannot be read. The reason of today stands beside it.",
    Retried.UNKNOWN: "Its platform says nothing of it: it is gone there, or not for us to see. Drop it, or try later.",
}


def _told(request: Request, part: str, act: Callable[[], Retried | None], says: str = "") -> Response:
    """Back to a part of the page, which says what was done, or that somebody was faster."""
    try:
        retried = act()
    except (NotFound, WrongStage) as error:
        return done(request, f"{HERE}#{part}", Flash(str(error), is_bad=True))
    flash = Flash(_CAME_OF_IT[retried], is_bad=retried is not Retried.TAKEN_IN) if retried else Flash(says)
    return done(request, f"{HERE}#{part}", flash)
