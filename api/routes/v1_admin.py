"""The API for programs, of what an operator looks after: jobs, dead letters, versions, sizes."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import Depends, Query
from starlette.responses import Response

from api.access import Action
from api.admin_bodies import DeadLetterBody, FindingBody, JobBody, OperationsBody, RetriedBody
from api.deps import BeforeAsking, Db, Id, Now, ReadDb, StateDep, by_token
from api.errors import DatabaseAway, TooLarge
from api.openapi import problems
from api.paging import Page, PageParams, page_from
from api.routes.admin import read_again
from api.routing import ApiRouter
from overheard.errors import CollectorError, InvalidInput, NotFound, WrongStage
from overheard.listening import dead_letters
from overheard.listening.intake import Item
from overheard.models import User
from overheard.operations import jobs, tending
from overheard.operations.findings import Installation
from overheard.operations.overview import not_well, overview, spoils_all

router = ApiRouter(tags=["operations"])

Reader = Annotated[User, by_token(Action.READ_OPERATIONS)]
Keeper = Annotated[User, by_token(Action.CHANGE_OPERATIONS)]


@router.get("/admin", operation_id="readOperations", summary="How the installation is doing", responses=problems())
def read_operations(_user: Reader, state: StateDep, db: ReadDb, now: Now) -> OperationsBody:
    """What is not well, jobs by queue, task and state, workers, versions, disk, sizes, the last backup."""
    installation = Installation(state.settings, state.engine, now)
    findings = not_well(installation)
    for finding in filter(spoils_all, findings):
        raise DatabaseAway(f"{finding.says} {finding.do}")
    return OperationsBody.of(overview(db, installation), [FindingBody.of(one) for one in findings])


@router.get("/admin/jobs", operation_id="readJobs", summary="Jobs", responses=problems(InvalidInput))
def read_jobs(_user: Reader, db: ReadDb, params: Annotated[PageParams, Query()]) -> Page[JobBody]:
    """The newest first. Done ones leave no trace; on SQLite there are none."""
    found = jobs.jobs(db, before=_before(params), limit=params.limit + 1)
    return page_from(found, params, JobBody.of, key=lambda job: [job.id])


@router.post(
    "/admin/jobs/{job_id}/retry",
    status_code=204,
    operation_id="retryJob",
    summary="Try a job again",
    responses=problems(NotFound, WrongStage, TooLarge),
)
def retry_job(user: Keeper, job_id: Id, db: Db, now: Now) -> Response:
    """One that was given up."""
    tending.retry_job(db, job_id, actor=user, now=now)
    return Response(status_code=204)


@router.delete(
    "/admin/jobs/{job_id}",
    status_code=204,
    operation_id="dropJob",
    summary="Drop a job",
    responses=problems(NotFound, WrongStage),
)
def drop_job(user: Keeper, job_id: Id, db: Db, now: Now) -> Response:
    """What it would have done comes up again where it is still to be done."""
    tending.drop_job(db, job_id, actor=user, now=now)
    return Response(status_code=204)


@router.get(
    "/admin/dead-letters",
    operation_id="readDeadLetters",
    summary="Items that could not be taken in",
    responses=problems(InvalidInput),
)
def read_dead_letters(_user: Reader, db: ReadDb, params: Annotated[PageParams, Query()]) -> Page[DeadLetterBody]:
    """The newest first. What was kept of an item is not given out."""
    found = dead_letters.page(db, before=_before(params), limit=params.limit)
    return page_from(found, params, DeadLetterBody.of, key=lambda letter: [letter.id])


def asked_first(_keeper: Keeper, _before: BeforeAsking, letter_id: Id, state: StateDep) -> Sequence[Item]:
    """The item once more."""
    return read_again(state, letter_id)


@router.post(
    "/admin/dead-letters/{letter_id}/retry",
    operation_id="retryDeadLetter",
    summary="Read an item again, and take it in",
    responses=problems(NotFound, InvalidInput, CollectorError, TooLarge),
)
def retry_dead_letter(
    *,
    user: Keeper,
    letter_id: Id,
    items: Annotated[Sequence[Item], Depends(asked_first)],
    state: StateDep,
    db: Db,
    now: Now,
) -> RetriedBody:
    """Its platform is asked for it; a line of a file is read once more."""
    return RetriedBody(outcome=dead_letters.take_again(db, state.settings, letter_id, items, actor=user, now=now))


@router.delete(
    "/admin/dead-letters/{letter_id}",
    status_code=204,
    operation_id="dropDeadLetter",
    summary="Let an item go",
    responses=problems(NotFound),
)
def drop_dead_letter(user: Keeper, letter_id: Id, db: Db, now: Now) -> Response:
    """What was kept of it is gone."""
    dead_letters.drop(db, letter_id, actor=user, now=now)
    return Response(status_code=204)


def _before(params: PageParams) -> int | None:
    place = params.place(int)
    return None if place is None else int(place[0])
