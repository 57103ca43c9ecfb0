"""Notices are told once, and a digest is sent at most once, when its reader wants it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from cli.digests import make_deliver
from overheard.db import Sessions
from overheard.errors import CollectorError, InvalidInput
from overheard.leads import claims
from overheard.listening.credentials import seal
from overheard.models import Digest, DigestSetting, Lead, Notice, User
from overheard.notifications import digests, notices
from overheard.notifications.digests import Chosen, Outgoing, send_due
from overheard.notifications.outbound_vocabulary import DigestWay
from overheard.settings import Settings
from overheard.vocabulary import DigestRhythm, NoticeKind, SourceState
from tests.factories import Cast, make_cast, make_lead, watch_source
from tests.loopback import hook_server, mail_server


def _settings(tmp_path: Path, **wanted: object) -> Settings:
    mail = {"host": "127.0.0.1", "port": 1, "security": "none", "sender": "overheard@example.org"}
    return Settings.model_validate(
        {"home": tmp_path / "home", "mail": mail, "allow_private_addresses": True, "public_url": "https://o.example"}
        | wanted
    )


def _tell(session: Session, user: User, now: datetime, text: str = "Lead 7 is yours now.") -> None:
    notices.notify(session, user.id, NoticeKind.ASSIGNED, text, "/leads/7", now)


# --- what there is to tell -----------------------------------------------------------------------------------------


def test_what_has_come_up_is_told_once_to_whom_it_concerns(session: Session, cast: Cast, now: datetime) -> None:
    lead, own = make_lead(session, now=now), make_lead(session, now=now)
    claims.assign(session, lead.id, cast.mara, cast.sam.id, now)
    claims.assign(session, own.id, cast.sue, cast.sue.id, now)
    session.execute(sa.update(Lead).where(Lead.id == own.id).values(follow_up_on=now.date()))
    source = watch_source(session, now=now)
    source.state = SourceState.NEEDS_OPERATOR
    session.flush()
    for _ in range(2):
        notices.gather(session, now)
    told = {
        user.name: [notice.text for notice in notices.page(session, user.id)]
        for user in (cast.alice, cast.mara, cast.sam, cast.sue, cast.eli)
    }
    stuck = ["Hacker News, Hacker News: cannot be read until somebody sees to it."]
    assert told == {
        "Alice": stuck,
        "Mara": stuck,
        "Sam": [f"Lead {lead.id} is yours now."],
        "Sue": [f"Follow up on lead {own.id}: it was set for 20 November 2026."],
        "Eli": [],
    }


def test_notices_are_read_one_by_one_or_all(session: Session, cast: Cast, now: datetime) -> None:
    for _ in range(3):
        _tell(session, cast.sam, now)
    _tell(session, cast.sue, now)
    first = notices.page(session, cast.sam.id, limit=2)
    assert len(first) == 3
    assert len(notices.page(session, cast.sam.id, before=first[1].id)) == 1
    assert notices.read(session, cast.sue.id, now, notice_id=first[0].id) == 0  # not hers
    assert notices.read(session, cast.sam.id, now, notice_id=first[0].id) == 1
    assert notices.unread(session, cast.sam.id) == 2
    assert notices.read(session, cast.sam.id, now) == 2
    assert (notices.unread(session, cast.sam.id), notices.unread(session, cast.sue.id)) == (0, 1)


# --- when ----------------------------------------------------------------------------------------------------------


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


LONG_AGO = _at("2026-01-01T00:00")


def _setting(rhythm: DigestRhythm, *, zone: str = "UTC", quiet: tuple[int, int] | None = None) -> DigestSetting:
    return DigestSetting(
        rhythm=rhythm,
        way=DigestWay.MAIL,
        hour=9,
        time_zone=zone,
        quiet_from=quiet[0] if quiet else None,
        quiet_until=quiet[1] if quiet else None,
        changed_at=LONG_AGO,
    )


@pytest.mark.parametrize(
    ("rhythm", "zone", "now", "due"),
    [
        (DigestRhythm.OFF, "UTC", "2026-11-20T09:30", None),
        (DigestRhythm.HOURLY, "UTC", "2026-11-20T09:30", "2026-11-20T09:00"),
        (DigestRhythm.HOURLY, "Asia/Kolkata", "2026-11-20T09:40", "2026-11-20T09:30"),
        (DigestRhythm.DAILY, "UTC", "2026-11-20T08:59", "2026-11-19T09:00"),
        (DigestRhythm.DAILY, "UTC", "2026-11-20T09:00", "2026-11-20T09:00"),
        (DigestRhythm.DAILY, "America/New_York", "2026-07-20T13:30", "2026-07-20T13:00"),
        (DigestRhythm.DAILY, "America/New_York", "2026-11-20T13:30", "2026-11-19T14:00"),
        (DigestRhythm.WEEKDAYS, "UTC", "2026-11-22T12:00", "2026-11-20T09:00"),  # a Sunday: last Friday's
        (DigestRhythm.WEEKDAYS, "UTC", "2026-11-23T09:01", "2026-11-23T09:00"),
        (DigestRhythm.WEEKLY, "UTC", "2026-11-20T12:00", "2026-11-16T09:00"),  # a Friday: last Monday's
        (DigestRhythm.INSTANT, "UTC", "2026-11-20T12:34", "2026-11-20T12:34"),
    ],
)
def test_a_digest_is_due_at_the_readers_hour(rhythm: DigestRhythm, zone: str, now: str, due: str | None) -> None:
    assert digests.last_due(_setting(rhythm, zone=zone), _at(now)) == (_at(due) if due else None)


def test_what_was_due_before_it_was_chosen_is_not_sent() -> None:
    setting = _setting(DigestRhythm.DAILY)
    setting.changed_at = _at("2026-11-20T09:10")
    assert digests.last_due(setting, _at("2026-11-20T09:30")) is None
    assert digests.last_due(setting, _at("2026-11-21T09:30")) == _at("2026-11-21T09:00")


@pytest.mark.parametrize(
    ("quiet", "hour", "expected"),
    [((20, 7), 23, True), ((20, 7), 6, True), ((20, 7), 7, False), ((12, 14), 13, True), ((12, 14), 14, False)],
)
def test_quiet_hours_go_over_midnight(quiet: tuple[int, int], hour: int, *, expected: bool) -> None:
    setting = _setting(DigestRhythm.HOURLY, quiet=quiet)
    assert digests.is_quiet(setting, _at(f"2026-11-20T{hour:02}:30")) is expected


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (Chosen(time_zone="Mars/Olympus"), "no time zone"),
        (Chosen(hour=24), "from 0 to 23"),
        (Chosen(quiet_from=3), "give both"),
        (Chosen(DigestRhythm.DAILY, DigestWay.SLACK), "incoming webhook"),
        (Chosen(hook="http://hooks.example/x"), "begins with https"),
    ],
)
def test_a_choice_that_cannot_be_is_refused(
    session: Session, cast: Cast, now: datetime, tmp_path: Path, wanted: Chosen, words: str
) -> None:
    with pytest.raises(InvalidInput, match=words):
        digests.choose(session, _settings(tmp_path), cast.sam, wanted, now=now)


def test_mail_is_chosen_only_where_it_can_be_sent(session: Session, cast: Cast, now: datetime, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="OVERHEARD_MAIL__HOST"):
        digests.choose(session, Settings(home=tmp_path), cast.sam, Chosen(DigestRhythm.DAILY), now=now)


# --- sending -------------------------------------------------------------------------------------------------------


@pytest.fixture
def sam(sessions: Sessions, now: datetime, tmp_path: Path) -> User:
    with sessions.begin() as session:
        cast = make_cast(session, now=now)
        wanted = Chosen(DigestRhythm.HOURLY)
        digests.choose(session, _settings(tmp_path), cast.sam, wanted, now=now - timedelta(days=1))
        _tell(session, cast.sam, now - timedelta(hours=1))
    return cast.sam


def test_a_digest_goes_out_by_mail_and_only_once(sessions: Sessions, sam: User, now: datetime, tmp_path: Path) -> None:
    with mail_server() as server:
        mail = {"host": "127.0.0.1", "port": server.server_address[1], "security": "none", "sender": "o@example.org"}
        settings = _settings(tmp_path, mail=mail)
        sent = [send_due(sessions, settings, make_deliver(settings), clock=lambda: now) for _ in range(3)]
        later = now + timedelta(hours=1)
        sent.append(send_due(sessions, settings, make_deliver(settings), clock=lambda: later))
    assert sent == [1, 0, 0, 0]  # an hour later there is nothing new
    [(recipient, message)] = server.taken
    assert recipient == sam.email
    assert message["Subject"] == "Overheard: 1 new notice"
    assert "- Lead 7 is yours now.\n  https://o.example/leads/7" in message.get_content()


@pytest.mark.usefixtures("sam")
def test_a_digest_goes_out_to_a_webhook(sessions: Sessions, now: datetime, tmp_path: Path) -> None:
    with hook_server() as server:
        settings = _settings(tmp_path)
        with sessions.begin() as session:
            kept = {"way": DigestWay.SLACK, "hook": seal(settings, {"hook": server.url})}
            session.execute(sa.update(DigestSetting).values(**kept))
        assert send_due(sessions, settings, make_deliver(settings), clock=lambda: now) == 1
        assert "Overheard: 1 new notice\nHello Sam" in str(server.taken[0]["text"])
        with pytest.raises(CollectorError, match="private network"):
            make_deliver(_settings(tmp_path, allow_private_addresses=False))(
                Outgoing(1, DigestWay.SLACK, server.url, "s", "t")
            )
        server.status = 403
        with pytest.raises(CollectorError, match="answered with 403"):
            make_deliver(settings)(Outgoing(1, DigestWay.SLACK, server.url, "s", "t"))


def test_what_could_not_be_sent_is_told_and_not_sent_again(
    sessions: Sessions, sam: User, now: datetime, tmp_path: Path
) -> None:
    with mail_server() as server:
        server.refuses = True
        mail = {"host": "127.0.0.1", "port": server.server_address[1], "security": "none", "sender": "o@example.org"}
        settings = _settings(tmp_path, mail=mail)
        assert send_due(sessions, settings, make_deliver(settings), clock=lambda: now) == 0
        server.refuses = False
        assert send_due(sessions, settings, make_deliver(settings), clock=lambda: now) == 0
    assert server.taken == []
    with sessions() as session:
        digest = session.scalars(sa.select(Digest)).one()
        assert digest.sent_at is None
        assert "did not take the mail" in (digest.error or "")
        assert notices.unread(session, sam.id) == 1


@pytest.mark.usefixtures("sam")
def test_whoever_dies_while_sending_sends_nothing_twice(sessions: Sessions, now: datetime, tmp_path: Path) -> None:
    def die(_outgoing: Outgoing) -> None:
        raise KeyboardInterrupt

    sent: list[Outgoing] = []
    clock: Callable[[], datetime] = lambda: now  # noqa: E731 - a clock
    with pytest.raises(KeyboardInterrupt):
        send_due(sessions, _settings(tmp_path), die, clock=clock)
    assert send_due(sessions, _settings(tmp_path), sent.append, clock=clock) == 0
    assert sent == []


def test_nothing_goes_out_in_quiet_hours_or_to_whom_is_disabled(
    sessions: Sessions, sam: User, now: datetime, tmp_path: Path
) -> None:
    sent: list[Outgoing] = []
    with sessions.begin() as session:
        session.execute(sa.update(DigestSetting).values(quiet_from=9, quiet_until=10))
    assert send_due(sessions, _settings(tmp_path), sent.append, clock=lambda: now) == 0
    with sessions.begin() as session:
        session.execute(sa.update(User).where(User.id == sam.id).values(disabled_at=now))
    assert send_due(sessions, _settings(tmp_path), sent.append, clock=lambda: now + timedelta(hours=1)) == 0
    with sessions.begin() as session:
        session.execute(sa.update(User).where(User.id == sam.id).values(disabled_at=None))
    assert send_due(sessions, _settings(tmp_path), sent.append, clock=lambda: now + timedelta(hours=1)) == 1
    assert "Lead 7" in sent[0].text


@pytest.mark.usefixtures("sam")
def test_what_came_after_the_hour_waits_for_the_next(sessions: Sessions, now: datetime, tmp_path: Path) -> None:
    sent: list[Outgoing] = []
    with sessions.begin() as session:
        session.execute(sa.update(Notice).values(at=now - timedelta(minutes=5)))  # 9:25, and it is 9:30
    assert send_due(sessions, _settings(tmp_path), sent.append, clock=lambda: now) == 0
    assert send_due(sessions, _settings(tmp_path), sent.append, clock=lambda: now + timedelta(minutes=31)) == 1
