"""Model versions on pages: which there are, what the shadow would change, drift, and putting one to use."""

from typing import Annotated

from fastapi import APIRouter, Request
from sqlalchemy.orm import Session
from starlette.responses import Response

from api.access import Action
from api.deps import Db, Id, Now, ReadDb, StateDep, on_page
from api.pages import Flash, done, page
from overheard.errors import NotFound
from overheard.marketing import campaigns
from overheard.modelling import drift, retrainings, versions
from overheard.modelling.differences import Differences, differences
from overheard.modelling.files import erased_examples
from overheard.models import ModelVersion, Source, User

router = APIRouter(prefix="/models")

HERE = "/models"

Reader = Annotated[User, on_page(Action.READ_MODELS)]
Keeper = Annotated[User, on_page(Action.CHANGE_MODELS)]


@router.get("")
def show_models(request: Request, viewer: Reader, state: StateDep, db: ReadDb, now: Now) -> Response:
    """All of it on one page."""
    found = versions.versions(db)
    judging = drift.judging(db)
    return page(
        request,
        "models.html",
        viewer=viewer,
        versions=found,
        names={one.id: one.name for one in found},
        campaigns={campaign_id: name for campaign_id, name in campaigns.names(db)},  # noqa: C416 - dict() of rows confuses mypy
        erased=erased_examples(db),
        pinned=state.settings.model_path,
        shadow=versions.shadow(db),
        compared=compared(db, now=now),
        places=drift.places(db, model_version=judging[0], threshold=judging[1], now=now) if judging else [],
        weeks=drift.calibration(db, model_version=judging[0], now=now) if judging else [],
        judging=judging,
        retraining=(run := retrainings.latest(db)),
        is_silent=run is not None and retrainings.is_silent(run, now),
    )


def compared(db: Session, *, now: Now) -> Differences:
    """Where the shadow and the champion differ; of none, nothing."""
    shadow, champion = versions.shadow(db), versions.champion(db)
    if shadow is None or champion is None:
        return Differences()
    return differences(db, shadow, champion, now=now)


@router.get("/drift/{source_id}")
def show_drift(request: Request, source_id: Id, viewer: Reader, db: ReadDb, now: Now) -> Response:
    """What one community says now that it did not say before."""
    source = db.get(Source, source_id)
    if source is None:
        raise NotFound(f"There is no source {source_id}.")
    judging = drift.judging(db)
    measured = drift.places(db, model_version=judging[0], threshold=judging[1], now=now) if judging else []
    return page(
        request,
        "model_drift.html",
        viewer=viewer,
        source=source,
        place=next((one for one in measured if one.source_id == source_id), None),
        said=drift.words(db, source_id, now=now),
        edges=drift.EDGES,
    )


@router.post("/{version_id}/activate")
def activate(*, request: Request, version_id: Id, viewer: Keeper, state: StateDep, db: Db, now: Now) -> Response:
    """Put a version to use."""
    name = versions.by_id(db, version_id).name
    version = versions.activate(db, state.settings, name, actor=viewer, now=now)
    return done(request, HERE, Flash(f"{version.name} is in use. {_TAKEN_UP}"))


@router.post("/rollback")
def rollback(request: Request, viewer: Keeper, state: StateDep, db: Db, now: Now) -> Response:
    """Put the version to use again that was in use before."""
    version = versions.rollback(db, state.settings, actor=viewer, now=now)
    return done(request, HERE, Flash(f"{version.name} is in use again. {_TAKEN_UP}"))


@router.post("/own/{campaign_id}/rollback")
def rollback_own(*, request: Request, campaign_id: Id, viewer: Keeper, state: StateDep, db: Db, now: Now) -> Response:
    """Put the campaign's former head to use again, or the shared one."""
    campaign = campaigns.get(db, campaign_id)
    former = versions.rollback_own(db, state.settings, campaign.id, actor=viewer, now=now)
    said = (
        f"{former.name} judges for {campaign.name} again." if former else f"{campaign.name} has the shared head again."
    )
    return done(request, HERE, Flash(f"{said} Workers take it up within seconds."))


@router.post("/{version_id}/shadow")
def start_shadow(request: Request, version_id: Id, viewer: Keeper, db: Db, now: Now) -> Response:
    """Let a version judge unseen."""
    version: ModelVersion = versions.start_shadow(db, versions.by_id(db, version_id).name, actor=viewer, now=now)
    return done(request, HERE, Flash(f"{version.name} judges what comes in from now on, unseen."))


@router.post("/shadow/stop")
def stop_shadow(request: Request, viewer: Keeper, db: Db, now: Now) -> Response:
    """Let none judge unseen."""
    versions.stop_shadow(db, actor=viewer, now=now)
    return done(request, HERE, Flash("No version judges in the shadow."))


_TAKEN_UP = "Workers take it up within seconds; stored posts are judged anew behind new ones."
