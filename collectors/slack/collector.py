"""Slack: what Slack pushes comes first, and history says what was not pushed. One account is one workspace."""

import json
import re
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from collectors.base import Ask, Collector, Deliver, Found, Page, Reading, Tools, Watched
from collectors.rows import Row
from collectors.slack.api import SlackApi, SlackError
from collectors.slack.history import History, Progress, Walk, read_all, ts_at
from collectors.slack.messages import Place, order, subject
from collectors.slack.names import Directory
from collectors.slack.socket import Listener
from overheard.errors import CollectorError
from overheard.listening.intake import Erased, Item
from overheard.listening.sources import Pause
from overheard.listening.terms import Recheck, ReplyWay, Terms
from overheard.vocabulary import Platform

# Slack gives an internal app about 50 answers of history a minute, for all channels together. So where events tell us
# what happens, history is asked seldom: for what is new, as a canary; and for edits, deletions and threads.
_CANARY_EVERY = 240
_LOOK_BACK_EVERY = 6 * 3600
# Without events, or where some went missing, it is asked more often.
_LOOK_BACK_SOON = 1800
# Nobody took events in for this long: some were lost, as Slack tries for about six minutes to deliver one.
_OUTAGE = 900
_OVERLAP = 600

_AT_ONCE = 20  # re-checks of one transaction
_CHANNEL_ID = re.compile(r"[CG][A-Z0-9]{1,30}")
_IN_ADDRESS = re.compile(r"/(?:archives|client/[A-Z0-9]+)/(?P<id>[CG][A-Z0-9]+)")


class Slack(Collector):
    """Reads the channels that an app of the operator's own was invited to."""

    platform = Platform.SLACK
    terms = Terms(
        permission="You may read this workspace: its admins consent, and its rules allow what you do with it.",
        must_confirm=True,
        recheck=Recheck.LEADS,
        can_reply=ReplyWay.API,
    )
    account = (
        Ask("bot_token", "Bot token (xoxb-…)", is_secret=True),
        Ask("app_token", "App-level token (xapp-…) for Socket Mode; empty without it", is_secret=True, default=""),
        Ask("signing_secret", "Signing secret, for events over HTTP; empty without them", is_secret=True, default=""),
    )
    options = (Ask("backfill_days", "Days back in which the first reading starts", default="7"),)
    pause = Pause(shortest=10, longest=300)
    listens = True

    def __init__(self, tools: Tools) -> None:
        """Nothing is asked for yet."""
        super().__init__(tools)
        self._api = SlackApi(tools)
        self._identity: Row | None = None
        self._directory: Directory | None = None

    def close(self) -> None:
        """Hang up."""
        self._api.close()

    def account_name(self) -> str:
        """The workspace's name in its address."""
        name = self._domain()
        if app_token := self._tools.secrets.get("app_token"):
            self._api.open_socket(app_token)
        return name

    def communities(self, address: str | None = None) -> Sequence[Found]:
        """The channels, those in which the app is first."""
        if address is None:
            return sorted((self._found(channel) for channel in self._channels()), key=lambda found: bool(found.note))
        wanted = address.strip()
        in_address = _IN_ADDRESS.search(wanted)
        id_ = in_address["id"] if in_address else wanted
        if _CHANNEL_ID.fullmatch(id_):
            channel = self._api.call("conversations.info", {"channel": id_}).get("channel")
            return [self._found(channel if isinstance(channel, dict) else {})]
        name = wanted.rpartition("/")[2].removeprefix("#")
        for channel in self._channels():
            if channel.get("name") == name:
                return [self._found(channel)]
        raise CollectorError(
            f"{self._domain()} shows no channel #{name} to the app. Private ones are seen when it is in them: /invite.",
            permanent=True,
        )

    def pages(self, source: Watched, reading: Reading) -> Iterator[Page]:
        """What was pushed, then what history has beyond it, if it is time to ask."""
        place, progress = self._place(source), Progress.of(reading.cursor)
        yield from _delivered(place, progress, reading)
        for _ in range(2):  # the second one looks back, where the first one found that events are missing
            progress.walk = walk = progress.walk or self._next_walk(source, progress)
            if walk is None:
                break
            history = History(
                self._api, place, progress, reading, _held(place, reading, walk), self._now(), self._is_told()
            )
            yield from history.pages(walk)
        if self._api.is_slowed:
            raise CollectorError(
                "Slack gives this app 15 messages a minute, as it does to apps that are distributed. All was read, but "
                "slowly. Make an internal app of your own from the manifest: docs/sources/slack.md."
            )

    def recheck(self, source: Watched, external_ids: Sequence[str]) -> Iterator[Sequence[Item]]:
        """Each message again, as it stands now."""
        place = self._place(source)
        ours = [id_ for id_ in external_ids if id_.startswith(place.message_id(""))]
        for start in range(0, len(ours), _AT_ONCE):
            batch = ours[start : start + _AT_ONCE]
            yield [item for id_ in batch for item in self._again(place, id_.rpartition(":")[2])]

    def listen(self, deliver: Deliver, stop: threading.Event) -> None:
        """Keep what Socket Mode brings, if the account has it."""
        app_token = self._tools.secrets.get("app_token")
        if app_token:
            Listener(self._api, app_token).listen(deliver, stop)
        else:
            stop.wait()

    # --- the workspace -------------------------------------------------------------------------------------------

    def _who(self) -> Row:
        if self._identity is None:
            self._identity = self._api.call("auth.test")
        return self._identity

    def _domain(self) -> str:
        host = urlsplit(str(self._who().get("url", ""))).hostname or ""
        return host.removesuffix(".slack.com") or str(self._who().get("team_id", ""))

    def _place(self, source: Watched) -> Place:
        team = self._who().get("team_id")
        if not isinstance(team, str) or not team:
            raise CollectorError("Slack answered auth.test in an unknown form: without a workspace.")
        if self._directory is None:
            self._directory = Directory(self._api, str(self._who().get("user_id", "")))
        return Place(team, self._domain(), source.address, source.community, self._directory.names, self._directory)

    def _channels(self) -> Iterator[Row]:
        params: dict[str, str | int] = {
            "types": "public_channel,private_channel", "exclude_archived": 1, "limit": 200,
        }  # fmt: skip
        while True:
            answer = self._api.call("conversations.list", params)
            channels, metadata = answer.get("channels"), answer.get("response_metadata")
            if not isinstance(channels, list):
                raise CollectorError("Slack answered conversations.list in an unknown form: without channels.")
            yield from (channel for channel in channels if isinstance(channel, dict))
            params["cursor"] = str(metadata.get("next_cursor") or "") if isinstance(metadata, dict) else ""
            if not params["cursor"]:
                return

    def _found(self, channel: Row) -> Found:
        note = "" if channel.get("is_member") else "not joined: type /invite in the channel and choose the app"
        return Found(str(channel.get("id", "")), f"{self._domain()}/#{channel.get('name', '')}", note)

    # --- one channel ---------------------------------------------------------------------------------------------

    def _now(self) -> float:
        return self._tools.clock().timestamp()

    def _is_told(self) -> bool:
        """Whether events come in: over a socket or over HTTP."""
        return bool(self._tools.secrets.get("app_token") or self._tools.secrets.get("signing_secret"))

    def _next_walk(self, source: Watched, progress: Progress) -> Walk | None:
        """What of history is to be read now, if anything."""
        now = self._now()
        if not progress.read_at:
            return Walk(ts_at(now - _days(source) * 86_400), begun=now, looks_back=True)
        # A clock that went back lies before either: that is no reason to wait until it has caught up.
        since_read, since_look = abs(now - progress.read_at), abs(now - progress.looked_back_at)
        if since_read >= _OUTAGE:
            progress.is_doubtful = True
        is_sure = self._is_told() and not progress.is_doubtful
        if since_look >= (_LOOK_BACK_EVERY if is_sure else _LOOK_BACK_SOON):
            window = timedelta(days=self._tools.settings.slack.lookback_days).total_seconds()
            oldest = max(ts_at(now - window), progress.since, key=order)
            return Walk(min(oldest, progress.read_to, key=order), begun=now, looks_back=True)
        if since_read >= (_CANARY_EVERY if self._is_told() else self.pause.shortest):
            oldest = max(ts_at(order(progress.read_to)[0] - _OVERLAP), progress.since, key=order)
            return Walk(oldest, begun=now, looks_back=False)
        return None

    def _again(self, place: Place, ts: str) -> Sequence[Item]:
        """One message. `conversations.replies` finds it wherever it stands, history only outside of threads."""
        for method in ("conversations.replies", "conversations.history"):
            params: dict[str, str | int] = {
                "channel": place.channel, "ts": ts, "latest": ts, "oldest": ts, "inclusive": 1, "limit": 10,
            }  # fmt: skip
            try:
                found = self._api.messages(method, params).messages
            except SlackError as error:
                if error.code != "thread_not_found":
                    raise
                break
            for message in found:
                if subject(message) == ts:
                    return read_all([message], place, _STORED)
        return [Erased(Platform.SLACK, place.message_id(ts))]


_STORED = Reading(cursor=None, revisits={}, stored=frozenset, known=frozenset)
"""For a re-check, which asks only for what is stored."""


def _delivered(place: Place, progress: Progress, reading: Reading) -> Iterator[Page]:
    while deliveries := reading.deliveries():
        events = [_event(delivery.raw) for delivery in deliveries]
        for event in events:
            if (ts := subject(event)) and _is_in_history(event):
                progress.hear(ts)
        items = read_all(events, place, reading)
        yield Page(items, cursor=progress.cursor(), taken=[delivery.id for delivery in deliveries])


def _event(raw: bytes) -> Row:
    payload = json.loads(raw)
    event = payload.get("event") if isinstance(payload, dict) else None
    return event if isinstance(event, dict) else {}


def _is_in_history(event: Row) -> bool:
    """Whether it tells of a message that history shows: no reply, unless it was sent to the channel too."""
    subtype, thread = event.get("subtype"), event.get("thread_ts")
    is_of_another = subtype in ("message_changed", "message_deleted")
    return not is_of_another and (thread in (None, event.get("ts")) or subtype == "thread_broadcast")


def _held(place: Place, reading: Reading, walk: Walk) -> dict[str, str | None]:
    """What we have stored of the channel since the walk's oldest message."""
    prefix = place.message_id("")
    since = datetime.fromtimestamp(order(walk.oldest)[0], UTC)
    return {
        id_.removeprefix(prefix): thread and thread.removeprefix(prefix)
        for id_, thread in reading.held(since).items()
        if id_.startswith(prefix)
    }


def _days(source: Watched) -> float:
    days = source.options.get("backfill_days", "7")
    if not days.isdecimal():
        raise CollectorError(
            f"backfill_days is {days!r}, which is no number of days. Add the source again.", permanent=True
        )
    return min(float(days), 36_500.0)
