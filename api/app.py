"""The web application: pages for people, `/v1` for programs. `create_app` wires it; nothing happens at import."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import cache

from fastapi import APIRouter, FastAPI
from sqlalchemy.engine import Engine
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from api import errors
from api.assets import load_assets
from api.events import Feed, Rhythm
from api.kept import Kept
from api.middleware import BodyLimit, SecurityHeaders, TeamTime
from api.oauth import Web
from api.openapi import complete_openapi
from api.pages import make_templates
from api.queue_cards import QueueCards
from api.routes import (
    accounts,
    admin,
    alerts,
    audit,
    backtest,
    board,
    campaign,
    campaign_settings,
    campaigns,
    events,
    exports,
    health,
    hooks,
    insights,
    labels,
    lead_desk,
    leads,
    login,
    me,
    metrics,
    models,
    notices,
    oidc,
    people,
    posts,
    privacy,
    query_imports,
    questions,
    queue,
    replies,
    samples,
    snippets,
    sources,
    v1,
    v1_admin,
    v1_alerts,
    v1_campaigns,
    v1_crm,
    v1_insights,
    v1_labels,
    v1_leads,
    v1_models,
    v1_people,
    v1_privacy,
    v1_queries,
    v1_queue,
    v1_replies,
    v1_samples,
    v1_slots,
    v1_sources,
    v1_variables,
    variables,
    views,
    webhooks,
)
from api.routes import (
    crm as crm_pages,
)
from api.sign_in import SignIn
from api.state import State
from overheard.crm.records import CrmDoor
from overheard.db import Watch, make_engine, make_reading_sessions, make_sessions
from overheard.home import secret_key
from overheard.leads import do_not_contact
from overheard.leads.contacts import Reach, not_asked
from overheard.listening.dead_letters import Reread
from overheard.listening.hooks import Hook
from overheard.replying.conversations import Conversations
from overheard.settings import Settings

_CLEAN_UP_EVERY = 60.0
"""Seconds."""


def utc_now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


def create_app(
    settings: Settings,
    *,
    engine: Engine | None = None,
    clock: Callable[[], datetime] = utc_now,
    platform_hooks: Mapping[str, Hook] | None = None,
    reach: Reach = not_asked,
    sign_in: SignIn | None = None,
    conversations: Conversations | None = None,
    reread: Reread | None = None,
    web: Web | None = None,
    crm: CrmDoor | None = None,
    rhythm: Rhythm = Rhythm(),
) -> FastAPI:
    """The application over the database of the settings, or over `engine`, which then stays the caller's to dispose.

    `platform_hooks`: what may be posted to `/hooks/…` without a login, by name. `reach`: asks the network about a
    contact; the default asks nobody. `conversations`: asks platforms for threads and rules. `reread`:
    reads an item once more that could not be taken in. `web`: a client for addresses that somebody typed, which asks
    the public internet only. `crm`: asks a CRM at once.
    """
    used = engine or make_engine(settings.effective_database_url)
    reading = make_reading_sessions(used)
    watch = Watch(used)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        cleaning = asyncio.create_task(_clean_up(app.state.overheard))
        yield
        cleaning.cancel()
        watch.close()
        if engine is None:
            used.dispose()

    app = FastAPI(
        title="Overheard",
        summary="The people who are already asking for what you sell.",
        version="1",
        openapi_url="/v1/openapi.json",
        docs_url=None,  # they load their scripts from elsewhere
        redoc_url=None,
        lifespan=lifespan,
        routes=list(_routes()),
        # Its spans go out with ours (cli/spans.py). Of its own accord nothing does: it would tell addresses and errors.
        telemetry={"metrics": False, "logs": False, "auto_configure": False},
    )
    app.state.overheard = State(
        settings=settings,
        engine=used,
        sessions=make_sessions(used),
        reading=reading,
        clock=clock,
        key=secret_key(settings),
        assets=load_assets(),
        templates=make_templates(),
        cards=QueueCards(make_templates()),
        kept=Kept(watch),
        hooks=platform_hooks or {},
        reach=reach,
        conversations=conversations,
        reread=reread,
        web=web,
        crm=crm,
        sign_in=sign_in,
        feed=Feed(reading, clock, rhythm, settings.zone),
    )
    app.add_middleware(BodyLimit, refuse=_too_large)
    app.add_middleware(TeamTime, zone=settings.zone)
    app.add_middleware(SecurityHeaders)  # added last: it is the outermost
    errors.install(app)
    complete_openapi(app)
    return app


async def _clean_up(state: State) -> None:
    while True:
        await asyncio.sleep(_CLEAN_UP_EVERY)
        state.cards.forget()
        state.kept.forget()
        do_not_contact.forget_handles()


def _too_large(request: Request) -> Response:
    return errors.answer(request, errors.TooLarge())


@cache
def _routes() -> Sequence[BaseRoute]:
    """All routes, looked through once: FastAPI takes a second for that at each application's first request."""
    gathered = APIRouter()
    for room in (
        health,
        metrics,
        hooks,
        login,
        queue,
        views,
        board,
        leads,
        lead_desk,
        campaigns,
        variables,
        campaign,
        campaign_settings,
        backtest,
        query_imports,
        questions,
        sources,
        posts,
        insights,
        replies,
        samples,
        snippets,
    ):
        gathered.include_router(room.router, include_in_schema=False)
    gathered.include_router(labels.router, include_in_schema=False)
    gathered.include_router(events.page_router, include_in_schema=False)
    for room in (oidc, people, me, notices, audit, privacy, accounts, exports, alerts, webhooks):
        gathered.include_router(room.router, include_in_schema=False)
    for room in (crm_pages, models, admin):
        gathered.include_router(room.router, include_in_schema=False)
    gathered.include_router(v1.router)
    gathered.include_router(v1_leads.router)
    gathered.include_router(v1_insights.router)
    gathered.include_router(events.router)
    gathered.include_router(v1_sources.router)
    gathered.include_router(v1_queue.router)
    gathered.include_router(v1_campaigns.router)
    gathered.include_router(v1_queries.router)
    gathered.include_router(v1_variables.router)
    gathered.include_router(v1_people.router)
    gathered.include_router(v1_privacy.router)
    gathered.include_router(v1_replies.router)
    gathered.include_router(v1_samples.router)
    gathered.include_router(v1_slots.router)
    gathered.include_router(v1_alerts.router)
    gathered.include_router(v1_labels.router)
    gathered.include_router(v1_crm.router)
    gathered.include_router(v1_models.router)
    gathered.include_router(v1_admin.router)
    return tuple(gathered.routes)
