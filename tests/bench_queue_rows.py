"""A database of a large team, made within a minute by the database itself: posts, and leads of every tenth of them."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.orm import Session

from overheard.marketing import campaigns
from overheard.models import Base, Lead, LeadEvent, Match, Post, Prediction, Signal, Source
from overheard.users import accounts
from overheard.vocabulary import Intent, LeadAction, Platform, PostKind, Role, Stage

NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
DAYS = 60
SOURCES = 20
CAMPAIGNS = 5
_SENTENCE = (
    "We are a shop of three and outgrow our spreadsheets, so we are looking for a simple CRM that a baker understands. "
)
_TITLES = ("Which CRM for a bakery?", "Looking for a simple invoicing tool", "Tool for bookings, not too dear?")
MODEL = "bench-1"


def fill(engine: Engine, *, posts: int, leads: int, users: int) -> list[str]:
    """Fill a migrated database; the login secrets of its SDRs."""
    with Session(engine) as session, session.begin():
        secrets = _people_and_campaigns(session, users)
        connection = session.connection()
        _posts(connection, posts)
        _leads(connection, leads, step=posts // leads)
        if connection.dialect.name == "postgresql":  # the rows came with their numbers: those that follow go on behind
            for table in (Post, Lead, LeadEvent, Prediction):
                last = sa.select(sa.func.max(table.id)).scalar_subquery()
                connection.execute(sa.select(sa.func.setval(f"{table.__tablename__}_id_seq", last)))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("ANALYZE"))
    return secrets


def _people_and_campaigns(session: Session, users: int) -> list[str]:
    secrets = []
    for number in range(users):
        user = accounts.add_user(session, email=f"s{number}@example.org", name=f"SDR {number}", role=Role.SDR, now=NOW)
        secrets.append(accounts.start_login(session, user, lifetime=timedelta(days=3650), now=NOW).token)
    for number in range(SOURCES):
        session.add(Source(platform=Platform.REDDIT, community=f"r/place{number}", created_at=NOW))
    for number in range(CAMPAIGNS):
        asks = {"asks": '"looking for"', "crm": "crm"}
        campaigns.create(session, name=f"Campaign {number}", offer="A small CRM.", queries=asks, now=NOW)
    session.flush()
    return secrets


def _numbers(n: int) -> sa.CTE:
    """1 to n."""
    numbers = sa.select(sa.literal(1).label("i")).cte("numbers", recursive=True)
    return numbers.union_all(sa.select(numbers.c.i + 1).where(numbers.c.i < n))


def _one_of(index: sa.ColumnElement[int], column: Any, values: Sequence[object]) -> sa.Case[Any]:  # noqa: ANN401
    cases = {number: sa.literal(value, column.type) for number, value in enumerate(values)}
    return sa.case(cases, value=index % len(values))


def _insert(connection: Connection, table: type[Base], columns: dict[str, object]) -> None:
    """One INSERT … SELECT: `columns` are expressions over the numbers, or values."""
    chosen = [
        value if isinstance(value, sa.ColumnElement) else sa.literal(value, table.__table__.c[name].type)
        for name, value in columns.items()
    ]
    connection.execute(sa.insert(table).from_select(list(columns), sa.select(*chosen)))


def _posts(connection: Connection, n: int) -> None:
    i = _numbers(n).c.i
    text = sa.cast(i, sa.Text)
    body = _one_of(i, Post.body, [_SENTENCE * times for times in (1, 2, 3, 4, 8, 12)])
    _insert(
        connection,
        Post,
        {
            "id": i,
            "platform": Platform.REDDIT,
            "external_id": "t3_" + text,
            "source_id": 1 + i % SOURCES,
            "kind": PostKind.SUBMISSION,
            "title": _one_of(i, Post.title, list(_TITLES)),
            "body": body,
            "text_hash": "hash" + text,
            "collected_at": NOW,
            "author": "author" + text,
            "permalink": "https://example.org/p/" + text,
            "posted_at": NOW - timedelta(hours=5),
            "is_truncated": False,
        },
    )


def _leads(connection: Connection, n: int, *, step: int) -> None:
    i = _numbers(n).c.i
    post, author = i * step, "author" + sa.cast(i * step, sa.Text)
    score = 0.5 + (i * 7919 % 4900) / 10000.0
    on = _one_of(i, Lead.signalled_on, [date(2026, 11, 20) - timedelta(days=day) for day in range(DAYS)])
    intent = _one_of(i, Lead.intent, [Intent.RECOMMENDATION, Intent.PURCHASE])
    stage = _one_of(i, Lead.stage, [Stage.MARKETING_QUALIFIED] * 3 + [Stage.SALES_QUALIFIED, Stage.DISQUALIFIED])
    campaign = 1 + i % CAMPAIGNS
    spans = [["title", 0, 20, 0.9], ["body", 0, len(_SENTENCE) - 1, 0.8]]
    told = {"need": ["body", 82, 94], "signals": [["team_size", "body", 0, 22]]}
    judged = {"id": i, "post_id": post, "model_version": MODEL, "score": score, "intent": intent, "at": NOW}
    _insert(
        connection,
        Prediction,
        judged
        | {"probabilities": {"purchase": 0.9}, "evidence": spans, "language": "en", "is_judged": True}
        | {"explanation": told},
    )
    lead = {"campaign_id": campaign, "platform": Platform.REDDIT, "author": author, "stage": stage}
    _insert(
        connection,
        Lead,
        {"id": i, **lead, "stage_changed_at": NOW, "qualified_at": NOW, "top_post_id": post, "signalled_on": on}
        | {"score": score, "rank": score, "intent": intent},
    )
    at = _one_of(i, Signal.at, [NOW - timedelta(days=day) for day in range(DAYS)])
    _insert(connection, Signal, judged | {"lead_id": i, "signalled_on": on, "at": at})
    qualified = {"action": LeadAction.QUALIFY, "to_stage": Stage.MARKETING_QUALIFIED, "at": NOW}
    _insert(connection, LeadEvent, {"id": i, "lead_id": i} | qualified)
    _insert(connection, Match, {"id": i, "post_id": post, "query_id": campaign * 2 - 1, "spans": [["body", 58, 69]]})
