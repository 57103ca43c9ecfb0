"""A desk from which leads are told: people, a receiver, and a clock."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from cli.deliver import make_read_filters
from overheard.db import Sessions
from overheard.errors import CollectorError
from overheard.models import Source
from overheard.notifications import alerts, webhooks
from overheard.notifications.deliveries import Answer, deliver_due
from overheard.notifications.outbound_content import Outbound
from overheard.settings import Settings
from tests.factories import Cast, make_campaign, make_cast, make_lead

OPEN = {"permission": "None.", "recheck": "all", "can_reply": "assisted"}
"""Terms that let texts leave."""


@dataclass
class Desk:
    """People, a receiver, and a clock that goes on when it is told to."""

    sessions: Sessions
    settings: Settings
    cast: Cast
    now: datetime
    sent: list[Outbound] = field(default_factory=list)
    answers: list[Answer | CollectorError] = field(default_factory=list)
    """What the receiver says next; then that it is well."""

    def send(self, outbound: Outbound) -> Answer:
        self.sent.append(outbound)
        answer = self.answers.pop(0) if self.answers else Answer(200, "thank you")
        if isinstance(answer, CollectorError):
            raise answer
        return answer

    def deliver(self, after: timedelta = timedelta(minutes=3)) -> list[Outbound]:
        """What goes out when some time has passed."""
        self.now += after
        self.sent.clear()
        deliver_due(self.sessions, self.settings, self.send, make_read_filters(), clock=lambda: self.now)
        return list(self.sent)

    def do(self, act: Callable[[Session], Any]) -> Any:  # noqa: ANN401 - whatever the act gives
        with self.sessions.begin() as session:
            return act(session)

    def webhook(self, **wanted: Any) -> tuple[int, str]:  # noqa: ANN401 - what the functions take
        def make(session: Session) -> tuple[int, str]:
            told = webhooks.Wanted(**{"name": "CRM", "address": "https://crm.example/in"} | wanted)
            made, secret = webhooks.make(session, self.settings, told, actor=self.cast.mara, now=self.now)
            return made.id, secret

        found: tuple[int, str] = self.do(make)
        return found

    def rule(self, **wanted: Any) -> int:  # noqa: ANN401 - what the functions take
        told = alerts.Wanted(**{"name": "Hot ones"} | wanted)
        found: int = self.do(lambda s: alerts.make(s, self.settings, self.cast.sam, told, now=self.now).id)
        return found

    def lead(self, **wanted: Any) -> int:  # noqa: ANN401 - what the functions take
        self.now += timedelta(seconds=1)
        found: int = self.do(lambda s: make_lead(s, now=self.now, **wanted).id)
        return found

    def open_terms(self) -> None:
        self.do(lambda s: s.execute(sa.update(Source).values(terms=OPEN)))


@pytest.fixture
def desk(sessions: Sessions, now: datetime, tmp_path: Path) -> Desk:
    settings = Settings.model_validate(
        {"home": tmp_path, "mail": {"host": "127.0.0.1"}, "public_url": "https://o.example"}
    )
    with sessions.begin() as session:
        cast = make_cast(session, now=now)
        make_campaign(session, now=now)
    return Desk(sessions, settings, cast, now)


def told_in(outbound: Outbound) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(outbound.text)
    return told
