"""Which model versions there are, and which one is in use. The only writer of a version's state.

The champion judges; a challenger waits; one of them may judge in the shadow of the champion, seen by nobody in the
queue. A version that was in use is retired and stays, so that a roll back finds it. A campaign may have a champion of
its own: a head on what the champion reads, whose score stands for that campaign alone.
"""

from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, joinedload

from overheard.errors import InvalidInput, ModelError, NotFound, WrongStage
from overheard.modelling.vocabulary import ModelState
from overheard.models import ModelVersion, User
from overheard.settings import Settings
from overheard.users import audit
from overheard.vocabulary import AuditAction

_FOLDER = "models"
SCHEME_FILE, WEIGHTS_FILE = "model.json", "model.safetensors"
"""What every version's folder holds; `classifier.head` reads them."""

_ORDER = (ModelState.CHAMPION, ModelState.SHADOW)


def folder_of(settings: Settings, version: ModelVersion) -> Path:
    """Where a version's files are."""
    return settings.home / _FOLDER / version.name


def versions(session: Session) -> list[ModelVersion]:
    """All of them: the champion, campaigns' own, the shadow, then those for all, those of campaigns; newest first."""
    first = sa.case(*((ModelVersion.state == state, place) for place, state in enumerate(_ORDER)), else_=len(_ORDER))
    statement = sa.select(ModelVersion).options(joinedload(ModelVersion.activated_by))
    newest = (ModelVersion.created_at.desc(), ModelVersion.id.desc())
    return list(session.scalars(statement.order_by(first, ModelVersion.campaign_id.is_not(None), *newest)))


def get(session: Session, name: str) -> ModelVersion:
    """A version by its name, or by the beginning of it that no other shares."""
    exact = session.scalars(sa.select(ModelVersion).where(ModelVersion.name == name)).one_or_none()
    if exact:
        return exact
    found = [one for one in session.scalars(sa.select(ModelVersion)) if name and one.name.startswith(name)]
    if len(found) == 1:
        return found[0]
    if found:
        raise InvalidInput(f"{name} may be {' or '.join(one.name for one in found)}: write more of the name.")
    raise NotFound(f"There is no model version {name}. See: overheard model list")


def by_id(session: Session, version_id: int) -> ModelVersion:
    """A version, as pages name it."""
    found = session.get(ModelVersion, version_id)
    if found is None:
        raise NotFound(f"There is no model version {version_id}.")
    return found


def champion(session: Session) -> ModelVersion | None:
    """The version in use; None as long as it is the one that is shipped and nothing was registered."""
    return _standing(session, ModelState.CHAMPION)


def own_champion(session: Session, campaign_id: int) -> ModelVersion | None:
    """A campaign's own head in use, whether or not it fits what the champion reads."""
    return _standing(session, ModelState.CHAMPION, campaign_id)


def own_heads(session: Session) -> list[ModelVersion]:
    """The campaigns' own heads in use. One that was made for another encoder than the champion's rests, and judges
    again as soon as that encoder is in use again.
    """
    reader = sa.select(ModelVersion.reader).where(_holds(ModelState.CHAMPION, None)).scalar_subquery()
    is_own = (ModelVersion.state == ModelState.CHAMPION) & ModelVersion.campaign_id.is_not(None)
    statement = sa.select(ModelVersion).where(is_own, ModelVersion.reader == reader).order_by(ModelVersion.id)
    return list(session.scalars(statement))


def shadow(session: Session) -> ModelVersion | None:
    """The version that judges unseen."""
    return _standing(session, ModelState.SHADOW)


def _standing(session: Session, state: ModelState, campaign_id: int | None = None) -> ModelVersion | None:
    return session.scalars(sa.select(ModelVersion).where(_holds(state, campaign_id))).one_or_none()


def _holds(state: ModelState, campaign_id: int | None) -> sa.ColumnElement[bool]:
    return (ModelVersion.state == state) & ModelVersion.campaign_id.is_not_distinct_from(campaign_id)


def add(
    session: Session,
    name: str,
    *,
    state: ModelState,
    threshold: float,
    parent: str | None,
    dataset_id: int | None,
    report: dict[str, Any],
    now: datetime,
    campaign_id: int | None = None,
    reader: str | None = None,
) -> ModelVersion:
    """Write down a version whose files are in place; with `campaign_id` a campaign's own head."""
    version = ModelVersion(
        name=name,
        parent=parent,
        dataset_id=dataset_id,
        created_at=now,
        threshold=threshold,
        report=report,
        state=state,
        activated_at=now if state is ModelState.CHAMPION else None,
        campaign_id=campaign_id,
        reader=reader,
    )
    session.add(version)
    session.flush()
    return version


# --- what is in use ------------------------------------------------------------------------------------------------


def activate(session: Session, settings: Settings, name: str, *, actor: User | None, now: datetime) -> ModelVersion:
    """Make a version the champion, at once and for all workers; the one before is retired. A campaign's own head
    takes the place of the campaign's former one alone.
    """
    _lock(session)
    version = get(session, name)
    before = _standing(session, ModelState.CHAMPION, version.campaign_id)
    if version is before:
        raise WrongStage(f"{version.name} is in use already.")
    if version.campaign_id is not None and (shared := champion(session)) and shared.reader != version.reader:
        raise WrongStage(
            f"{version.name} was made for another encoder than that of {shared.name}, which is in use. "
            "Retrain the campaign's head."
        )
    _put_in_place(session, settings, version, before, actor=actor, now=now)
    version.replaced_id = before.id if before else None
    detail = f"in place of {before.name}" if before else ""
    audit.record(session, actor, AuditAction.MODEL_ACTIVATED, f"model {version.name}", detail, now=now)
    return version


def rollback(session: Session, settings: Settings, *, actor: User | None, now: datetime) -> ModelVersion:
    """Make the version champion again whose place the champion took."""
    _lock(session)
    former = _roll_back(session, settings, champion(session), actor=actor, now=now)
    if former is None:
        raise WrongStage("There is nothing to roll back to: no other version was in use before this one.")
    return former


def rollback_own(
    session: Session, settings: Settings, campaign_id: int, *, actor: User | None, now: datetime
) -> ModelVersion | None:
    """Make the campaign's former head its own again; None where there was none, so that the shared head judges."""
    _lock(session)
    current = own_champion(session, campaign_id)
    if current is None:
        raise WrongStage("The campaign has no head of its own in use.")
    former = _roll_back(session, settings, current, actor=actor, now=now)
    if former is None:
        current.state = ModelState.RETIRED
        session.flush()
        detail = "the shared head judges again"
        audit.record(session, actor, AuditAction.MODEL_ROLLED_BACK, f"model {current.name}", detail, now=now)
    return former


def _roll_back(
    session: Session, settings: Settings, current: ModelVersion | None, *, actor: User | None, now: datetime
) -> ModelVersion | None:
    former = session.get(ModelVersion, current.replaced_id) if current and current.replaced_id else None
    if current is None or former is None:
        return None
    _put_in_place(session, settings, former, current, actor=actor, now=now)
    audit.record(
        session, actor, AuditAction.MODEL_ROLLED_BACK, f"model {former.name}", f"in place of {current.name}", now=now
    )
    return former


def _lock(session: Session) -> None:
    """Of two who change what is in use at once, one comes after the other."""
    session.execute(sa.select(ModelVersion.id).order_by(ModelVersion.id).with_for_update()).all()


def _put_in_place(
    session: Session,
    settings: Settings,
    version: ModelVersion,
    before: ModelVersion | None,
    *,
    actor: User | None,
    now: datetime,
) -> None:
    refuse_pinned(settings)
    folder = folder_of(settings, version)
    missing = [name for name in (SCHEME_FILE, WEIGHTS_FILE) if not (folder / name).is_file()]
    if missing:
        raise ModelError(f"{folder} lacks {' and '.join(missing)}. Put the files back, or activate another version.")
    if before:
        before.state = ModelState.RETIRED
        session.flush()  # first: of champions there is one
    version.state = ModelState.CHAMPION
    version.activated_at, version.activated_by_id, version.shadow_since = now, actor.id if actor else None, None
    session.flush()


def refuse_pinned(settings: Settings) -> None:
    """`WrongStage` where a setting says which model is used, whatever stands in the table."""
    if settings.model_path is not None:
        raise WrongStage(
            f"OVERHEARD_MODEL_PATH names {settings.model_path}, which is used whatever is activated. Unset it, start "
            "Overheard anew, and try again."
        )


# --- the shadow ----------------------------------------------------------------------------------------------------


def start_shadow(session: Session, name: str, *, actor: User | None, now: datetime) -> ModelVersion:
    """Let a version judge what comes in from now on beside the champion. Another shadow steps back."""
    _lock(session)
    version = get(session, name)
    if version.state is ModelState.CHAMPION:
        raise WrongStage(f"{version.name} is in use: it cannot be its own shadow.")
    if version.campaign_id is not None:
        raise WrongStage(f"{version.name} is a campaign's own head: the shadow judges for all.")
    stop_shadow(session, actor=actor, now=now)
    version.state, version.shadow_since = ModelState.SHADOW, now
    session.flush()
    audit.record(session, actor, AuditAction.MODEL_SHADOWED, f"model {version.name}", "began", now=now)
    return version


def stop_shadow(session: Session, *, actor: User | None, now: datetime) -> None:
    """Let no version judge unseen. What it said stays readable."""
    version = shadow(session)
    if version is None:
        return
    version.state = ModelState.RETIRED if version.activated_at else ModelState.CHALLENGER
    version.shadow_since = None
    session.flush()
    audit.record(session, actor, AuditAction.MODEL_SHADOWED, f"model {version.name}", "ended", now=now)
