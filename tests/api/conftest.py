"""The application over a real database, the named cast, and a client for each of them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx2 import Response
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from api.app import create_app
from api.security import LOGIN_COOKIE, VISIT_COOKIE, form_token
from api.state import State
from overheard.db import Sessions, make_sessions
from overheard.models import User
from overheard.settings import Settings
from overheard.users import accounts
from tests.api.browsing import browser, context, rooms, site
from tests.factories import Cast, make_cast, make_lead

__all__ = ["browser", "context", "rooms", "site"]  # fixtures of theirs


class Browser(TestClient):
    """A browser without script: it keeps cookies, and sends forms as our pages make them."""

    def __init__(self, app: FastAPI) -> None:
        super().__init__(app, raise_server_exceptions=False, follow_redirects=False)
        self.key = _state(app).key

    def submit(self, path: str, **fields: str | int) -> Response:
        """Send a form with the token that our page would have put into it."""
        bound_to = self.cookies.get(LOGIN_COOKIE) or self.cookies.get(VISIT_COOKIE) or ""
        data = {"csrf": form_token(self.key, bound_to), **{name: str(value) for name, value in fields.items()}}
        return self.post(path, data=data)

    def send_file(self, path: str, field: str, name: str, text: str) -> Response:
        """Send a form with a file in it."""
        bound_to = self.cookies.get(LOGIN_COOKIE) or ""
        files = {field: (name, text.encode("latin-1"), "text/csv")}
        return self.post(path, data={"csrf": form_token(self.key, bound_to)}, files=files)


@dataclass
class World:
    """A running application, who works with it, and the time it is."""

    app: FastAPI
    sessions: Sessions
    cast: Cast
    now: datetime
    clock: list[datetime] = field(default_factory=list)

    def stranger(self) -> Browser:
        """Somebody who is not logged in."""
        return Browser(self.app)

    def browser(self, user: User) -> Browser:
        """A browser in which a user is logged in."""
        browser = Browser(self.app)
        with self.sessions.begin() as session:
            secret = accounts.start_login(session, user, lifetime=timedelta(hours=1), now=self.now)
        browser.cookies.set(LOGIN_COOKIE, secret.token)
        return browser

    def program(self, user: User) -> TestClient:
        """A program with an API token of a user."""
        with self.sessions.begin() as session:
            secret = accounts.make_token(session, user, name="test", now=self.now)
        headers = {"Authorization": f"Bearer {secret.token}"}
        return TestClient(self.app, raise_server_exceptions=False, headers=headers)

    def lead(self, **wanted: object) -> int:
        """The id of a new lead."""
        with self.sessions.begin() as session:
            return make_lead(session, now=self.now, **wanted).id  # type: ignore[arg-type] # the factory checks them

    @contextmanager
    def rows(self) -> Iterator[Session]:
        """Look at the tables."""
        with self.sessions() as session:
            yield session

    @contextmanager
    def at_revision(self, revision: str) -> Iterator[None]:
        """The database says that its tables are of another version."""
        change = sa.text("UPDATE alembic_version SET version_num = :revision")
        with self.sessions.begin() as session:
            newest = session.scalar(sa.text("SELECT version_num FROM alembic_version"))
            session.execute(change, {"revision": revision})
        try:
            yield
        finally:
            with self.sessions.begin() as session:
                session.execute(change, {"revision": newest})

    def passes(self, time: timedelta) -> None:
        """Let time pass."""
        self.clock[0] += time


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home", _env_file=None)  # type: ignore[call-arg] # pydantic-settings' own switch


@pytest.fixture
def world(engine: Engine, settings: Settings, now: datetime) -> World:
    sessions = make_sessions(engine)
    with sessions.begin() as session:
        cast = make_cast(session, now=now)
    clock = [now]
    app = create_app(settings, engine=engine, clock=lambda: clock[0])
    return World(app, sessions, cast, now, clock)


def _state(app: FastAPI) -> State:
    state: State = app.state.overheard
    return state
