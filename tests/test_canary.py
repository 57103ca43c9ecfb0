"""An invented author with unusual words goes the whole way through the product, is erased, and is found nowhere."""

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from api.app import create_app
from api.security import LOGIN_COOKIE
from classifier.datasets import Side, snapshot
from classifier.vector_cache import VectorCache
from cli.deliver import make_read_filters
from overheard.db import Sessions
from overheard.labelling import editor
from overheard.labelling.editor import LabelQueue
from overheard.labelling.examples import training_examples
from overheard.leads import contacts, lead_notes, people_links, qualification
from overheard.listening.intake import Rejected, take_in
from overheard.log import JsonFormatter
from overheard.models import (
    Base,
    Credential,
    CrmConnection,
    CrmEntry,
    Delivery,
    Embedding,
    Erasure,
    Exclusion,
    Lead,
    Post,
    Source,
    StoredAnswer,
)
from overheard.notifications import alerts, notices, webhooks
from overheard.notifications.deliveries import Answer, deliver_due
from overheard.notifications.outbound_content import Outbound
from overheard.notifications.outbound_vocabulary import AlertWay, CrmDeed, CrmPlatform
from overheard.privacy import reach
from overheard.replying import answers
from overheard.replying.answers import NewAnswer
from overheard.settings import Settings
from overheard.users import accounts
from overheard.vocabulary import ContactKind, ExclusionKind, Intent, Platform, Stage, Topic
from tests.api.conftest import Browser
from tests.factories import Cast, make_campaign, make_cast, make_lead, new_post, place
from tests.overheard.reply_rows import ANSWER, sent

NAME = "zanzibarquokka"
SHOWN = "Zora Zanzibarquokka"
TITLE, BODY, NOTE, ANSWERED, KNOWN = WORDS = (
    "vexillopygmy", "quagmirebassoon", "ululatedzither", "ombudsgherkin", "borborygmite",
)  # fmt: skip
"""Of the title, the body, a note, what they answered, and what is known of them."""
OPEN = {"permission": "None.", "recheck": "all", "can_reply": "assisted", "may_train": True}
"""Terms that let texts leave, and be learned from."""


class Watched(logging.Handler):
    """All that is logged, as it would stand in a file."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.setFormatter(JsonFormatter())

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture
def log() -> Iterator[Watched]:
    handler = Watched()
    logging.getLogger().addHandler(handler)
    yield handler
    logging.getLogger().removeHandler(handler)


def test_after_an_erasure_nothing_of_an_author_is_found_anywhere(
    engine: Engine, sessions: Sessions, tmp_path: Path, now: datetime, log: Watched
) -> None:
    settings = Settings.model_validate({"home": tmp_path / "home", "public_url": "https://o.example"})
    with sessions.begin() as session:
        cast = make_cast(session, now=now)
    with sessions.begin() as session:
        lead_id = _from_a_post_to_an_answer(session, cast, now)
        _what_a_team_notes(session, cast, lead_id, now)
        _what_is_learned(session, settings, cast, now)
        _what_lies_about(session, cast, now)
    _vectors(sessions, settings)
    _told_to_others(sessions, settings, cast, now)
    pages = _Pages(engine, settings, sessions, cast, now)
    assert TITLE in pages.seen(lead_id), "the pages show it before"
    needles = _needles(sessions)
    assert {NAME.encode(), *(word.encode() for word in WORDS)} <= _found(engine, tmp_path, needles), (
        "it is there before"
    )

    if engine.dialect.name == "postgresql":
        assert {"procrastinate_jobs", "procrastinate_events"} <= _filled(engine), (
            "workers were called, and are searched"
        )
    pages.erase()
    with sessions() as session:
        assert reach.named_in(session, [NAME, SHOWN, *WORDS]) == {}
        assert session.scalars(sa.select(StoredAnswer.status).where(StoredAnswer.sealed.is_not(None))).all() == []
        assert session.scalars(sa.select(Erasure.subject)).all() == [None]
    assert _found(engine, tmp_path, needles) == set()
    assert [word for word in (NAME, *WORDS) if word in pages.seen(lead_id).lower()] == []
    assert [line for line in log.lines if any(word in line.lower() for word in (NAME, *WORDS))] == []


def test_the_page_on_privacy_says_of_every_table_how_long_it_is_kept() -> None:
    page = (Path(__file__).parent.parent / "docs" / "privacy.md").read_text(encoding="utf-8")
    assert [name for name in Base.metadata.tables if f"`{name}`" not in page] == []


def _from_a_post_to_an_answer(session: Session, cast: Cast, now: datetime) -> int:
    told: dict[str, Any] = {
        "author": NAME,
        "title": f"Which {TITLE} for a bakery?",
        "body": f"My {BODY} fell apart. " * 400,
        "permalink": f"https://www.reddit.com/r/bakers/comments/ask1/which_{TITLE}/",
    }
    text = f"Hello {NAME},\n> My {BODY} fell apart.\n{ANSWER}"
    reply = sent(session, cast.sam, now=now, text=text, **told)
    said = NewAnswer(
        "t1_back", NAME, f"An {ANSWERED}, thank you!", f"https://www.reddit.com/r/bakers/comments/ask1/{TITLE}/b/"
    )
    answers.hear(session, reply, [said], now=now)
    session.execute(sa.update(Source).values(terms=OPEN))
    session.execute(sa.update(Post).values(author_name=SHOWN))
    notices.gather(session, now)
    assert reply.lead_id is not None
    return reply.lead_id


def _what_a_team_notes(session: Session, cast: Cast, lead_id: int, now: datetime) -> None:
    lead = session.get_one(Lead, lead_id)
    lead_notes.add_note(session, lead_id, f"Wants an {NOTE}.", actor=cast.sam, now=now)
    lead_notes.add_tag(session, lead_id, NOTE, actor=cast.sam, now=now)
    lead_notes.set_decision_maker(session, lead_id, SHOWN, actor=cast.sam, now=now)
    contacts.add_contact(session, lead_id, kind=ContactKind.EMAIL, value=f"{NAME}@example.org", actor=cast.sam, now=now)
    question = qualification.add_question(session, lead.campaign_id, topic=Topic.BUDGET, question="What budget?")
    for said in (f"{KNOWN} dollars", f"Twice {KNOWN} dollars"):
        qualification.answer(session, lead_id, question.id, text=said, fits=None, actor=cast.sam, now=now)
    elsewhere = make_campaign(session, now=now, name="Barley")
    other = make_lead(
        session,
        now=now,
        campaign=elsewhere,
        post=new_post(author="max", platform=Platform.MASTODON, community="bakers"),
    )
    in_it = sa.select(Lead.id).where(Lead.campaign_id == elsewhere.id, Lead.author == NAME)
    people_links.merge(session, session.scalars(in_it).one(), other.id, actor=cast.sam, now=now)


def _what_is_learned(session: Session, settings: Settings, cast: Cast, now: datetime) -> None:
    post = session.scalars(sa.select(Post).where(Post.title.contains(TITLE))).one()
    place(session, post, *range(1, 385))
    editor.say(
        session, post.id, Intent.RECOMMENDATION, is_unsure=False, queue=LabelQueue.RANDOM, actor=cast.eli, now=now
    )
    learned = training_examples(session)
    assert post.id in [one.post_id for one in learned]
    snapshot(session, settings, {Side.TRAIN: learned}, of=len(learned), now=now)


def _what_lies_about(session: Session, cast: Cast, now: datetime) -> None:
    """What was not understood, what was not read yet, whom a campaign does not want to hear."""
    garbled = Rejected("item 7", "no time", f'{{"by": "{NAME}", "text": "{BODY}"}}'.encode())
    fresh = new_post(author=NAME, title=f"Any {TITLE}?")
    take_in(session, [garbled, fresh], origin="Reddit: r/bakers", now=now)
    account = Credential(mode="slack", name="us", sealed=b"", changed_at=now)
    session.add(account)
    session.flush()
    pushed = f'{{"user": "{NAME}", "text": "{BODY}"}}'.encode()
    session.add(Delivery(credential_id=account.id, delivery_id="E1", address="C1", raw=pushed, received_at=now))
    campaign_id = session.scalars(sa.select(Lead.campaign_id)).first()
    excluded = {"platform": Platform.REDDIT, "kind": ExclusionKind.AUTHOR, "name": NAME}
    session.add(Exclusion(campaign_id=campaign_id, at=now, actor_id=cast.mara.id, **excluded))
    session.flush()


def _vectors(sessions: Sessions, settings: Settings) -> None:
    with sessions() as session:
        learned = training_examples(session)
    cache = VectorCache(settings, "reader")
    cache.fill(sessions, learned, lambda: lambda texts: np.ones((len(texts), 8), dtype=np.float32))


def _told_to_others(sessions: Sessions, settings: Settings, cast: Cast, now: datetime) -> None:
    """By a webhook and an alert whose receivers repeat what they were told, and by a CRM that refuses it."""
    with sessions.begin() as session:
        hook = webhooks.Wanted(name="Echo", address="https://echo.example/in", with_text=True)
        made, _ = webhooks.make(session, settings, hook, actor=cast.mara, now=now)
        rule = alerts.Wanted(name="All", way=AlertWay.WEBHOOK, webhook_id=made.id, with_text=True)
        alerts.make(session, settings, cast.sam, rule, now=now - timedelta(hours=1))
        oats = make_campaign(session, now=now, name="Oats")
        lead = make_lead(session, now=now, campaign=oats, post=new_post(author=NAME, title=f"An {TITLE}?"), score=0.99)
        crm = CrmConnection(
            platform=CrmPlatform.HUBSPOT, name="Hub", address="", sealed=b"", remote_stages=[], stages_out={},
            stages_in={}, push_from=Stage.SALES_QUALIFIED, with_text=True, with_notes=True, with_contact=True,
            created_at=now, created_by_id=cast.alice.id,
        )  # fmt: skip
        session.add(crm)
        session.flush()
        session.add(
            CrmEntry(
                connection_id=crm.id, lead_id=lead.id, deed=CrmDeed.REFUSED, told=f"'{TITLE}' is no valid name", at=now
            )
        )
    told: list[str] = []

    def echo(outbound: Outbound) -> Answer:
        told.append(outbound.text)
        return Answer(500, f"cannot take {TITLE} of {NAME}")

    later = now + timedelta(minutes=5)
    deliver_due(sessions, settings, echo, make_read_filters(), clock=lambda: later)
    assert any(NAME in text for text in told)


class _Pages:
    """The application, in which an SDR looks at a lead, and a program writes under a key."""

    def __init__(self, engine: Engine, settings: Settings, sessions: Sessions, cast: Cast, now: datetime) -> None:
        app = create_app(settings, engine=engine, clock=lambda: now)
        self.browser = Browser(app)
        self.program = TestClient(app)
        with sessions.begin() as session:
            login = accounts.start_login(session, cast.alice, lifetime=timedelta(hours=1), now=now)
            token = accounts.make_token(session, cast.alice, name="canary", now=now)
        self.browser.cookies.set(LOGIN_COOKIE, login.token)
        self.program.headers["Authorization"] = f"Bearer {token.token}"

    def erase(self) -> None:
        """Somebody asks what is held of them, and then to be erased for good."""
        about = {"kind": "author", "platform": "reddit", "text": NAME}
        assert TITLE in self.browser.submit("/privacy/person", **about, as_text="true").text
        assert SHOWN in self.browser.submit("/privacy/look", **about).text
        done = self.browser.submit("/privacy/erase", **about, reason="A letter.", for_good="true", seen="true")
        receipt = self.browser.get(done.headers["location"])
        assert "A letter." in receipt.text
        assert NAME not in receipt.text
        self.program.get("/v1/erasures")

    def seen(self, lead_id: int) -> str:
        addresses = ("/queue", "/queue?stage=replied", f"/leads/{lead_id}", "/board", "/queue/export?stage=replied")
        read = [self.browser.get(address).text for address in addresses]
        key = {"Idempotency-Key": f"note {len(read)}"}
        written = self.program.post(f"/v1/leads/{lead_id}/tags", json={"tag": "warm"}, headers=key)
        return "\n".join([*read, written.text])


def _needles(sessions: Sessions) -> list[bytes]:
    """What is looked for: names and words, hashes of the text, and where it stands in the space of meaning."""
    with sessions() as session:
        hashes = session.scalars(sa.select(Post.text_hash).where(Post.author == NAME)).all()
        vectors = session.scalars(sa.select(Embedding.vector)).all()
    return [word.encode() for word in (NAME, *WORDS, *hashes)] + list(vectors)


def _filled(engine: Engine) -> set[str]:
    """The tables that hold anything, those of the work queue too."""
    with engine.connect() as connection:
        tables = sa.inspect(connection).get_table_names()
        return {table for table in tables if connection.scalar(sa.text(f'SELECT 1 FROM "{table}" LIMIT 1'))}  # noqa: S608 - ours


def _found(engine: Engine, folder: Path, needles: list[bytes]) -> set[bytes]:
    """Which of these stand in a file of the home folder, or in the database: its files, or each column of each row."""
    held = [path.read_bytes() + path.name.encode() for path in folder.rglob("*") if path.is_file()]
    if engine.dialect.name == "postgresql":
        with engine.connect() as connection:
            tables = sa.inspect(connection).get_table_names()
            held += [
                str(row).encode().lower()
                for table in tables
                for row in connection.scalars(sa.text(f'SELECT CAST(t AS text) FROM "{table}" t'))  # noqa: S608 - ours
            ]
        needles_in_rows = [(needle, needle.hex().encode()) for needle in needles]
        return {needle for needle, in_hex in needles_in_rows if any(needle in one or in_hex in one for one in held)}
    return {needle for needle in needles if any(needle in one.lower() or needle in one for one in held)}
