"""What the one page of a campaign shows: each part is gathered by the module that owns it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from api.campaign_measures import measures
from api.campaign_yields import brought
from api.errors import status_of
from api.pages import page
from api.state import state_of
from overheard.errors import InvalidInput, InvalidQuery
from overheard.keywords import queries
from overheard.keywords.query_versions import versions
from overheard.leads.claims import assignable
from overheard.leads.qualification import questions
from overheard.marketing import campaign_settings, campaigns, exclusions
from overheard.marketing.exclusions import Place
from overheard.marketing.relevance import count_by_meaning
from overheard.models import Campaign, Query, Source, User
from overheard.query_language import explain, read
from overheard.query_language.variables import saved
from overheard.vocabulary import Platform


@dataclass(frozen=True, slots=True)
class Draft:
    """What stands in the editor: a query as it is in force, or as somebody wants it to be."""

    query: str = ""
    """The query's name; empty: a new one."""
    expression: str = ""
    error: InvalidInput | None = None
    """Why it could not be taken."""
    words: str = ""
    """What it finds, in plain words, where somebody asked."""
    note: str = ""
    """Why it was changed, as somebody typed it."""

    @property
    def position(self) -> int | None:
        """The character at which reading it failed."""
        return self.error.position if isinstance(self.error, InvalidQuery) else None

    def current(self, in_force: list[Query]) -> Query | None:
        """The version in force of the query that is edited."""
        return next((query for query in in_force if query.name == self.query), None)


def checked(db: Session, draft: Draft) -> Draft:
    """The draft with what it finds, in plain words, or with what is wrong about it."""
    try:
        found = read(draft.expression.strip(), saved(db))
    except InvalidInput as error:
        return replace(draft, error=error)
    return replace(draft, words=" ".join([explain(found), *(hint.message for hint in found.hints)]))


def campaign_page(
    request: Request,
    viewer: User,
    db: Session,
    campaign_id: int,
    *,
    draft: Draft | None = None,
    counted: tuple[Place, int] | None = None,
) -> Response:
    """The page, with a draft in its editor if there is one; `counted`: how many leads an exclusion would take out."""
    view = campaigns.view(db, campaign_id)
    draft = draft or Draft()
    current = draft.current(view.queries)
    settings = _settings(db, campaign_id)
    shown = {
        "view": view,
        "campaign": view.campaign,
        "draft": draft,
        "current": current,
        "max_name": queries.MAX_NAME,
        "vocabulary": _vocabulary(db, settings["all_sources"]),
        "versions": versions(db, campaign_id, draft.query) if current else [],
        "by_meaning": count_by_meaning(db, view.campaign),
        "asked": questions(db, [campaign_id]),
        **measures(db, view.campaign, state_of(request).clock()),
        **brought(db, campaign_id, state_of(request).clock()),
        **settings,
        "quiet_hours": quiet_hours(view.campaign),
        "zone": state_of(request).settings.time_zone,
        "counted": counted,
    }
    status = status_of(draft.error) if draft.error else HTTPStatus.OK
    return page(request, "campaign.html", viewer=viewer, status=status, **shown)


def quiet_hours(campaign: Campaign) -> str:
    """A campaign's quiet hours, in words; empty: it has none."""
    if campaign.quiet_from is None or campaign.quiet_until is None:
        return ""
    return f"{campaign.quiet_from:02}:00 to {campaign.quiet_until:02}:00"


def _settings(db: Session, campaign_id: int) -> dict[str, Any]:
    sources = db.scalars(sa.select(Source).order_by(Source.platform, Source.community)).all()
    return {
        "all_sources": sources,
        "platforms": sorted({source.platform for source in sources}) or list(Platform),
        "members": campaign_settings.members(db, campaign_id),
        "assignable": assignable(db),
        "exclusions": exclusions.exclusions(db, campaign_id),
    }


def _vocabulary(db: Session, sources: Sequence[Source]) -> dict[str, list[str]]:
    """What the editor completes besides operators and fields."""
    return {
        "community": sorted({source.community for source in sources}),
        "platform": sorted(platform.value for platform in Platform),
        "type": ["comment", "message", "post"],
        "has": ["link", "question"],
        "variables": sorted(saved(db)),
    }
