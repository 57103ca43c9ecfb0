"""The API for programs, of sources and of posts that are handed over."""

from typing import Annotated

from fastapi import Query, Request

from api import source_bodies
from api.access import Action
from api.deps import Db, Id, Now, ReadDb, by_token
from api.errors import TooLarge
from api.openapi import problems
from api.paging import Page, PageParams, page_of
from api.routing import ApiRouter
from api.source_bodies import HandedPost, SourceBody, SuggestionBody, TakenBody
from api.state import state_of
from overheard.errors import InvalidInput, NotFound
from overheard.listening import by_hand, source_health, sources, suggestions
from overheard.models import User

router = ApiRouter()


@router.get(
    "/sources",
    operation_id="readSources",
    summary="All sources",
    tags=["sources"],
    responses=problems(InvalidInput),
)
def read_sources(
    _user: Annotated[User, by_token(Action.READ_SOURCES)], db: ReadDb, now: Now, params: Annotated[PageParams, Query()]
) -> Page[SourceBody]:
    """Sources and how they are doing, those that need somebody first."""
    return page_of(
        source_health.health(db, now),
        params,
        source_bodies.source_body,
        key=lambda found: [found.concern, found.source.platform, found.source.community, found.source.id],
    )


@router.post(
    "/sources/{source_id}/pause",
    operation_id="pauseSource",
    summary="Pause a source",
    tags=["sources"],
    responses=problems(NotFound, InvalidInput, TooLarge),
)
def pause_source(_user: Annotated[User, by_token(Action.PAUSE_SOURCE)], source_id: Id, db: Db, now: Now) -> SourceBody:
    """Stop reading it until it is enabled. What it brought stays."""
    found = source_health.health_of(db, source_id, now)
    sources.pause(found.source)
    return source_bodies.source_body(found)


@router.post(
    "/sources/{source_id}/enable",
    operation_id="enableSource",
    summary="Enable a source",
    tags=["sources"],
    responses=problems(NotFound, InvalidInput, TooLarge),
)
def enable_source(
    _user: Annotated[User, by_token(Action.ENABLE_SOURCE)], source_id: Id, db: Db, now: Now
) -> SourceBody:
    """Read it again, with the next pass. Its last error is forgotten."""
    found = source_health.health_of(db, source_id, now)
    sources.enable(found.source)
    return source_bodies.source_body(found)


@router.post(
    "/sources/{source_id}/remove",
    operation_id="removeSource",
    summary="Remove a source",
    tags=["sources"],
    responses=problems(NotFound, InvalidInput, TooLarge),
)
def remove_source(
    _user: Annotated[User, by_token(Action.REMOVE_SOURCE)], source_id: Id, db: Db, now: Now
) -> SourceBody:
    """Read it no more. What it brought stays: `POST /v1/erasures` erases that."""
    found = source_health.health_of(db, source_id, now)
    sources.remove(found.source)
    return source_bodies.source_body(found)


@router.get(
    "/campaigns/{campaign_id}/suggestions",
    operation_id="readSuggestions",
    summary="Communities worth watching",
    tags=["campaigns"],
    responses=problems(NotFound, InvalidInput),
)
def read_suggestions(
    _user: Annotated[User, by_token(Action.READ_SUGGESTIONS)],
    campaign_id: Id,
    db: ReadDb,
    now: Now,
    params: Annotated[PageParams, Query()],
) -> Page[SuggestionBody]:
    """Up to 20 communities that are not watched, and to which posts of the last 30 days link that a query met."""
    return page_of(
        suggestions.suggest_communities(db, campaign_id, now=now),
        params,
        source_bodies.suggestion_body,
        key=lambda found: [-found.authors, -found.posts, found.platform, found.community.lower()],
    )


@router.post(
    "/posts",
    operation_id="addPost",
    summary="Hand over a post",
    tags=["posts"],
    responses=problems(InvalidInput, TooLarge),
)
def add_post(
    request: Request, _user: Annotated[User, by_token(Action.ADD_POST)], db: Db, now: Now, post: HandedPost
) -> TakenBody:
    """Take in what somebody read at an address. Sending it again changes nothing."""
    taken = by_hand.take_by_hand(db, now=now, settings=state_of(request).settings, **post.model_dump())
    return source_bodies.taken_body(taken)
