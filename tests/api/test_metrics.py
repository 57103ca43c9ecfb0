"""Whoever is on call reads numbers, and nobody's words."""

import re
import shutil
import subprocess
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy.orm import Session

from overheard.models import (
    AlertRule,
    Answer,
    CrmConnection,
    CrmLink,
    DeadLetter,
    OutboundDelivery,
    Prediction,
    Reply,
    User,
    Webhook,
)
from overheard.notifications.outbound_vocabulary import AlertWay, CrmPlatform, OutboundEvent, OutboundState
from overheard.operations import jobs
from overheard.operations.figures import MEANS
from overheard.replying import answers
from overheard.replying.answers import NewAnswer
from overheard.vocabulary import AnswerKind, DigestRhythm, Platform, Stage
from tests.api.conftest import World
from tests.factories import MODEL, make_lead, new_post, predict, store, watch_source
from tests.overheard.reply_rows import sent

CANARY = "rosa_canary"


def figures(world: World) -> dict[tuple[str, ...], float]:
    """By name and values of the labels, these in the order of their names; no text and no handle is among them."""
    answer = world.program(world.cast.alice).get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    assert not re.search("canary|bakery|baker[0-9]", answer.text), "no text and no handle leaves here"
    families = list(text_string_to_metric_families(answer.text))
    _is_clean(answer.text)
    told = {
        (sample.name.removeprefix("overheard_"), *sample.labels.values()): sample.value
        for family in families
        for sample in family.samples
    }
    assert len(told) == sum(len(family.samples) for family in families), "nothing is told twice"
    return told


def _is_clean(told: str) -> None:
    """Says Prometheus' own tool, where it is installed."""
    if promtool := shutil.which("promtool"):
        found = subprocess.run([promtool, "check", "metrics"], input=told, capture_output=True, text=True, check=False)
        assert not found.returncode, found.stderr


def test_prometheus_reads_how_the_installation_is_doing(world: World) -> None:
    with world.sessions.begin() as session:
        post = new_post(title="A secret canary", body="crm for a bakery?", author=CANARY)
        lead = make_lead(session, now=world.now, post=post)
        lead.stage_changed_at = world.now - timedelta(hours=2)
        source = watch_source(session, now=world.now)
        source.read_at, source.failures = world.now - timedelta(minutes=5), 3
        source.last_error = f"{CANARY} is not allowed"
        session.add(_letter(world.now))
    told = figures(world)
    assert told["leads", "marketing_qualified"] == 1
    assert told["leads", "won"] == 0
    assert told["queue_age_seconds",] == 7200
    here = ("Hacker News", "hackernews", str(source.id))
    assert (told["source_read_age_seconds", *here], told["source_failures", *here]) == (300, 3)
    assert told["sources", "failing", "hackernews"] == 1
    assert told["sources", "needs_operator", "hackernews"] == 0
    assert (told["dead_letters", "reddit"], told["dead_letters", "unknown"]) == (1, 0)
    assert told["replies", "ambiguous"] == told["deliveries", "failed"] == 0


def _letter(now: datetime) -> DeadLetter:
    raw = CANARY.encode()
    return DeadLetter(
        origin=f"Reddit: r/{CANARY}",
        locator="item 1",
        reason=f"{CANARY} cannot be read",
        raw=raw,
        raw_sha256="1",
        at=now,
        platform=Platform.REDDIT,
    )


def test_what_the_model_said_of_late_is_told_by_batches_and_scores(world: World) -> None:
    hour = timedelta(hours=1)
    with world.sessions.begin() as session:
        posts = store(session, *(new_post() for _ in range(7)), now=world.now - hour)
        for number, post in enumerate(posts[:6]):
            at = world.now if number == 0 else world.now - hour  # one batch of one post, and one of five
            predict(session, post, now=at, score=[0.95, 0.1, 0.1, 0.04, 0.5, 0.0][number])
        unreadable = sa.update(Prediction).where(Prediction.post_id == posts[5].id)
        session.execute(unreadable.values(is_judged=False))
    told = figures(world)
    assert [told["batch_posts_bucket", up_to] for up_to in ("1.0", "4.0", "16.0", "+Inf")] == [1, 1, 2, 2]
    assert told["batch_posts_gsum",] == 6
    scores = [told["score_bucket", up_to, MODEL] for up_to in ("0.1", "0.4", "0.5", "0.9", "1.0", "+Inf")]
    assert scores == [3, 3, 4, 4, 5, 5]
    assert told["score_gsum", MODEL] == pytest.approx(1.69)
    assert told["posts_unreadable",] == 1, "whose score means nothing"
    assert (told["posts_unjudged",], told["unjudged_age_seconds",]) == (7, 3600), (
        "a verdict by hand leaves them waiting"
    )


def test_what_does_not_arrive_is_told_by_the_way_it_takes(world: World) -> None:
    with world.sessions.begin() as session:
        lead = make_lead(session, now=world.now)
        ways = _receivers(session, world.cast.alice, world.now)
        for state, attempts, number in ((OutboundState.FAILED, 12, 2), (OutboundState.PENDING, 1, 1)):
            for _ in range(number):
                session.add(_delivery(world.now, state, attempts, webhook_id=ways["webhook"].id))
            session.add(_delivery(world.now, state, attempts, rule_id=ways["slack"].id))
        session.add(_delivery(world.now, OutboundState.PENDING, 0, rule_id=ways["slack"].id))
        session.add(_delivery(world.now, OutboundState.FAILED, 12, rule_id=ways["slack"].id, recipient_id=1))
        session.add(
            CrmLink(
                connection_id=ways["crm"].id, lead_id=lead.id, campaign_id=lead.campaign_id, attempts=12,
                state=OutboundState.FAILED, next_at=world.now, error=f"{CANARY} is unknown",
            )
        )  # fmt: skip
    told = figures(world)
    given_up = {way: told["delivery_failures", "given_up", way] for way in ("webhook", "slack", "mail", "crm")}
    assert given_up == {"webhook": 2, "slack": 1, "mail": 1, "crm": 1}
    tried_again = {way: told["delivery_failures", "tried_again", way] for way in ("webhook", "slack", "mail", "crm")}
    assert tried_again == {"webhook": 1, "slack": 1, "mail": 0, "crm": 0}, "what was never tried has not failed"
    assert [told["receivers_failing", way] for way in ("webhook", "slack", "mail", "crm")] == [1, 1, 0, 0]
    assert (told["deliveries", "failed"], told["deliveries", "pending"]) == (4, 3)


def _receivers(session: Session, alice: User, now: datetime) -> dict[str, Webhook | AlertRule | CrmConnection]:
    made = {"created_at": now, "created_by_id": alice.id}
    found: dict[str, Webhook | AlertRule | CrmConnection] = {
        "webhook": Webhook(
            name=CANARY, host=f"{CANARY}.example", sealed=b"", events="", with_text=False, failing_since=now, **made
        ),
        "slack": AlertRule(
            user_id=alice.id, name=CANARY, rhythm=DigestRhythm.INSTANT, way=AlertWay.SLACK, hour=9, with_text=False,
            changed_at=now, failing_since=now,
        ),
        "crm": CrmConnection(
            platform=CrmPlatform.HUBSPOT, name=CANARY, address="", sealed=b"", remote_stages=[], stages_out={},
            stages_in={}, push_from=Stage.SALES_QUALIFIED, with_text=False, with_notes=False, with_contact=False,
            last_error=CANARY, **made,
        ),
    }  # fmt: skip
    session.add_all(found.values())
    session.flush()
    return found


def _delivery(now: datetime, state: OutboundState, attempts: int, **to: int) -> OutboundDelivery:
    _delivery.number += 1  # type: ignore[attr-defined]
    return OutboundDelivery(
        key=f"{CANARY} {_delivery.number}", event=OutboundEvent.ALERT_LEADS, at=now, next_at=now, state=state,  # type: ignore[attr-defined]
        attempts=attempts, answer=CANARY, error=CANARY, **to,
    )  # fmt: skip


_delivery.number = 0  # type: ignore[attr-defined]


def test_a_reply_that_went_out_has_one_outcome(world: World) -> None:
    sam, now = world.cast.sam, world.now
    with world.sessions.begin() as session:
        replies = [sent(session, sam, now=now, number=number) for number in range(1, 6)]
        sent(session, sam, now=now - timedelta(days=31), number=7)
        for number, reply in enumerate(replies[:4]):
            heard = [NewAnswer(f"t1_{number}_{again}", reply.recipient, CANARY) for again in (1, 2)]
            answers.hear(session, reply, heard, now=now)
        one_of = sa.select(sa.func.min(Answer.id)).group_by(Answer.reply_id)
        for reply, kind in zip(replies, (AnswerKind.POSITIVE, AnswerKind.STOP), strict=False):
            session.execute(sa.update(Answer).where(Answer.reply_id == reply.id).values(confirmed=AnswerKind.QUESTION))
            said = sa.update(Answer).where(Answer.reply_id == reply.id, Answer.id.in_(one_of)).values(confirmed=kind)
            session.execute(said)
        session.execute(sa.update(Reply).where(Reply.id == replies[3].id).values(removed_at=now))
    told = figures(world)
    assert {name[1]: number for name, number in told.items() if name[0] == "reply_outcomes"} == {
        "removed": 1, "stop": 1, "positive": 1, "question": 0, "negative": 0, "unconfirmed": 1, "unanswered": 1,
    }  # fmt: skip


def test_jobs_that_were_given_up_are_told_by_task(world: World) -> None:
    with world.sessions.begin() as session:
        if not jobs.has_jobs(session):
            pytest.skip("SQLite has no jobs")
        jobs.defer(session, "classify", queue="classify")
        session.execute(sa.text("UPDATE procrastinate_jobs SET status = 'failed'"))
        jobs.defer(session, "sweep", queue="upkeep")
    told = figures(world)
    assert (told["jobs_failed", "classify"], told["jobs_failed", "sweep"], told["jobs", "failed"]) == (1, 0, 1)
    assert told["workers",] == 0


def test_every_figure_is_told_of_even_where_it_has_no_number(world: World) -> None:
    answer = world.program(world.cast.alice).get("/metrics")
    told = {family.name: family.documentation for family in text_string_to_metric_families(answer.text)}
    assert {name: told[f"overheard_{name}"] for name in MEANS} == MEANS


def test_only_an_admins_token_reads_them(world: World) -> None:
    assert world.stranger().get("/metrics").status_code == 401
    assert world.program(world.cast.sam).get("/metrics").status_code == 403
