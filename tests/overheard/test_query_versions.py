from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from overheard.errors import InvalidInput, NotFound
from overheard.keywords import queries, query_versions
from overheard.keywords.query_versions import Change, Run, difference, roll_back, versions
from overheard.models import User
from tests.factories import make_campaign

EXPRESSIONS = st.text(alphabet='ab "-*+', max_size=30)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_versions_say_who_when_and_why_and_going_back_is_a_new_version(
    session: Session, sam: User, now: datetime
) -> None:
    campaign = make_campaign(session, now=now, queries={"asks": "crm"})
    second = queries.save_query(
        session, campaign.id, name="asks", expression="crm -hiring", author=sam, note=" No jobs ", now=now
    )
    first = versions(session, campaign.id, "asks")[-1].query
    back = roll_back(session, first.id, author=sam, now=now + timedelta(hours=1))
    told = [(found.query.version, found.author, found.query.note) for found in versions(session, campaign.id, "asks")]
    assert told == [(3, "Sam", "Back to version 1"), (2, "Sam", "No jobs"), (1, None, None)]
    assert (back.expression, back.retired_at, second.retired_at) == ("crm", None, now + timedelta(hours=1))
    added = [Run("crm", Change.KEPT), Run(" -hiring", Change.ADDED)]
    assert versions(session, campaign.id, "asks")[1].changes == added
    queries.retire_query(session, back.id, now=now)
    assert roll_back(session, back.id, author=sam, now=now).version == 4, "a retired query comes back"
    with pytest.raises(NotFound, match="no query named 'begs'"):
        versions(session, campaign.id, "begs")
    with pytest.raises(NotFound, match="no query 4711"):
        roll_back(session, 4711, author=sam, now=now)
    with pytest.raises(InvalidInput, match="note"):
        queries.save_query(session, campaign.id, name="asks", expression="x", note="x" * 501, now=now)


@given(EXPRESSIONS, EXPRESSIONS)
def test_from_a_difference_both_expressions_can_be_read(former: str, later: str) -> None:
    runs = difference(former, later)
    assert "".join(run.text for run in runs if run.change is not Change.ADDED) == former
    assert "".join(run.text for run in runs if run.change is not Change.REMOVED) == later


def test_of_long_lists_the_terms_that_differ_are_told() -> None:
    terms = [f"term{number}" for number in range(10_000)]
    edited = [*terms[:7], "new", *terms[7:4_000], *terms[4_001:], "last"]
    runs = difference(" OR ".join(terms), " OR ".join(edited))
    assert [run.text for run in runs if run.change is not Change.KEPT] == [
        "new OR ",
        "term4000 OR ",
        "term9999",
        "term9999 OR last",
    ]


def test_what_differs_everywhere_and_is_alike_everywhere_is_told_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(query_versions, "_MOST_PAIRS", 20)
    runs = difference("x a OR a OR a OR a OR a y", "z a AND a AND a AND a AND a q")
    assert [run.change for run in runs] == [Change.REMOVED, Change.ADDED]
