"""The API for programs, of model versions."""

from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from api.access import Action
from api.deps import Db, Id, Now, ReadDb, StateDep, by_token
from api.model_bodies import DriftBody, ModelBody, OwnHeadBody, PlaceDriftBody, ShadowBody, WeekBody
from api.openapi import problems
from api.paging import Page, PageParams, page_of
from api.routes.models import compared
from api.routing import ApiRouter
from overheard.errors import InvalidInput, NotFound, WrongStage
from overheard.marketing import campaigns
from overheard.modelling import drift, versions
from overheard.models import User

router = ApiRouter(tags=["models"])

Reader = Annotated[User, by_token(Action.READ_MODELS)]
Keeper = Annotated[User, by_token(Action.CHANGE_MODELS)]


@router.get("/models", operation_id="readModels", summary="All model versions", responses=problems(InvalidInput))
def read_models(_user: Reader, db: ReadDb, params: Annotated[PageParams, Query()]) -> Page[ModelBody]:
    """In the order in which they were registered. None: the model that is shipped is in use."""
    return page_of(versions.versions(db), params, ModelBody.of, key=lambda version: [version.id])


@router.get("/models/shadow", operation_id="readShadow", summary="What the shadow would change", responses=problems())
def read_shadow(_user: Reader, db: ReadDb, now: Now) -> ShadowBody:
    """Posts that only one of champion and shadow would show, then the others; the largest difference first."""
    return ShadowBody.of(versions.shadow(db), compared(db, now=now))


@router.get("/models/drift", operation_id="readDrift", summary="Drift, and calibration by week", responses=problems())
def read_drift(_user: Reader, db: ReadDb, now: Now) -> DriftBody:
    """Of the version that judges."""
    judging = drift.judging(db)
    if judging is None:
        return DriftBody(model=None, places=[], weeks=[])
    name, threshold = judging
    return DriftBody(
        model=name,
        places=[PlaceDriftBody.of(one) for one in drift.places(db, model_version=name, threshold=threshold, now=now)],
        weeks=[WeekBody.of(one) for one in drift.calibration(db, model_version=name, now=now)],
    )


@router.post(
    "/models/{version_id}/activate",
    operation_id="activateModel",
    summary="Put a version to use",
    responses=problems(NotFound, WrongStage, InvalidInput),
)
def activate(user: Keeper, version_id: Id, state: StateDep, db: Db, now: Now) -> ModelBody:
    """At once and for all workers, which take it up within seconds."""
    name = versions.by_id(db, version_id).name
    return ModelBody.of(versions.activate(db, state.settings, name, actor=user, now=now))


@router.post(
    "/models/rollback",
    operation_id="rollBackModel",
    summary="Put the version before to use again",
    responses=problems(WrongStage),
)
def rollback(user: Keeper, state: StateDep, db: Db, now: Now) -> ModelBody:
    """The one whose place the champion took."""
    return ModelBody.of(versions.rollback(db, state.settings, actor=user, now=now))


@router.post(
    "/models/own/{campaign_id}/rollback",
    operation_id="rollBackOwnHead",
    summary="Put a campaign's former head to use again, or the shared one",
    responses=problems(NotFound, WrongStage, InvalidInput),
)
def rollback_own(user: Keeper, campaign_id: Id, state: StateDep, db: Db, now: Now) -> OwnHeadBody:
    """The one whose place its own head took; rolled back from its first, a campaign has the shared one."""
    former = versions.rollback_own(db, state.settings, campaigns.get(db, campaign_id).id, actor=user, now=now)
    return OwnHeadBody(campaign_id=campaign_id, head=ModelBody.of(former) if former else None)


@router.put(
    "/models/{version_id}/shadow",
    operation_id="startShadow",
    summary="Let a version judge unseen",
    responses=problems(NotFound, WrongStage, InvalidInput),
)
def start_shadow(user: Keeper, version_id: Id, db: Db, now: Now) -> ModelBody:
    """What comes in from now on. Another shadow steps back."""
    return ModelBody.of(versions.start_shadow(db, versions.by_id(db, version_id).name, actor=user, now=now))


@router.delete(
    "/models/shadow",
    status_code=204,
    operation_id="stopShadow",
    summary="Let no version judge unseen",
    responses=problems(),
)
def stop_shadow(user: Keeper, db: Db, now: Now) -> Response:
    """What it said is kept."""
    versions.stop_shadow(db, actor=user, now=now)
    return Response(status_code=204)
