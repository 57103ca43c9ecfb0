"""Watching a channel of the fake Slack."""

import json
from pathlib import Path
from typing import Any

from pydantic import HttpUrl

from collectors.base import Tools
from collectors.slack.collector import Slack
from overheard.db import Sessions
from overheard.listening import credentials, sources
from overheard.listening.intake import Intake
from overheard.settings import Settings, SlackSettings
from overheard.vocabulary import Platform
from tests.collectors.live import Live
from tests.fakeworld import faults
from tests.fakeworld.model import World, Written
from tests.fakeworld.oracle import compare
from tests.fakeworld.wires import slack as wire

JSON = {"Content-Type": "application/json"}
POLLING = {"bot_token": wire.BOT_TOKEN, "app_token": "", "signing_secret": ""}
TOLD = {**POLLING, "signing_secret": wire.SIGNING_SECRET}
HOUR, DAY = 3600, 86_400


class SlackLive(Live):
    """Somebody who watches #ovens."""

    lookback_days = 14

    @property
    def settings(self) -> Settings:
        base_url = HttpUrl(self.world.url(Platform.SLACK) + "/api/")
        slack = SlackSettings(base_url=base_url, lookback_days=self.lookback_days)
        return Settings(home=self.home, slack=slack, http_timeout=5)

    def open_slack(self) -> Slack:
        return Slack(Tools(self.settings, self.clock, self.waits.append, self.secrets))

    def push(self, *payloads: dict[str, Any]) -> None:
        """Events come in, as a listener keeps them."""
        with self.sessions.begin() as session:
            account = credentials.save(
                session, self.settings, mode="slack", name="ours", secrets=self.secrets, now=self.world.now
            )
            for payload in payloads:
                sources.deliver(
                    session,
                    credential_id=account,
                    delivery_id=payload["event_id"],
                    address=payload["event"]["channel"],
                    raw=json.dumps(payload).encode(),
                    now=self.world.now,
                )

    def collect_after(self, seconds: float) -> Intake:
        self.world.advance(seconds)
        summary = self.collect()
        assert summary.error is None
        return summary.intake

    def bodies(self) -> set[str]:
        return set(self.texts())

    def asked(self, method: str) -> int:
        return len(self.world.asked(rf"/{method}$"))


def make_live(
    sessions: Sessions, world: World, home: Path, secrets: dict[str, str], *, channel: str = "C1"
) -> SlackLive:
    world.state(wire.Slack).channels.setdefault(channel, wire.Channel("ovens"))
    live = SlackLive(sessions, world, home, "slack", Platform.SLACK, secrets)
    live.watch("bakery/#ovens", channel, {"backfill_days": "7"})
    return live


def say(world: World, body: str | None = None, **more: Any) -> Written:  # noqa: ANN401
    return world.write(Platform.SLACK, "C1", author="URITA", body=body, **more)


def events(world: World, after: int = 0) -> list[dict[str, Any]]:
    return [wire.payload(change) for change in world.changes_after(after, Platform.SLACK)]


def assert_all_is_well(live: SlackLive) -> None:
    report = compare(live.world, live.sessions)
    assert report.is_clean, report


def refusing(error: str, **more: object) -> faults.Answer:
    return faults.Answer(200, json.dumps({"ok": False, "error": error, **more}).encode(), JSON)
