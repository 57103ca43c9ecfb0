"""Communities worth watching."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from overheard.errors import NotFound
from overheard.keywords import queries
from overheard.listening import suggestions
from overheard.vocabulary import Platform
from tests.factories import make_campaign, new_post, store, watch_source


def _say(session: Session, now: datetime, body: str, **wanted: object) -> None:
    store(session, new_post(body=body, **wanted), now=now)  # type: ignore[arg-type] # the factory checks them


def test_places_are_found_by_address_and_by_bare_name() -> None:
    text = (
        "See https://www.reddit.com/r/Pastry/comments/1abc2d/x/ (also [here](https://old.reddit.com/r/pastry/comments/9z/)),"
        " r/smallbusiness, /r/SmallBusiness. https://softwarerecs.stackexchange.com/questions/12/crm?utm_source=x."
        " Not or/either, and/or/maybe, http://r/x, https://example.org/r/notaplace or a.r/b."
    )
    assert list(suggestions.places(text).items()) == [
        ((Platform.REDDIT, "r/pastry"), "r/Pastry"),
        ((Platform.STACKEXCHANGE, "softwarerecs"), "softwarerecs"),
        ((Platform.REDDIT, "r/smallbusiness"), "r/smallbusiness"),
    ]


@pytest.mark.parametrize(
    "text", ["", "r/", "https://", "https://[", "http://" + "a" * 5000, "r/x" * 10_000, "\u202er/\x00"]
)
def test_no_text_breaks_the_search(text: str) -> None:
    assert len(suggestions.places(text)) <= 1


def test_communities_are_ordered_by_how_many_people_speak_of_them(session: Session, now: datetime) -> None:
    campaign = make_campaign(session, now=now, queries={"asks": "crm"})
    for number in range(3):
        _say(
            session, now, "A CRM? Ask in r/pastry.", author=f"baker{number}", permalink=f"https://example.org/{number}"
        )
    for _ in range(5):
        _say(session, now, "CRM talk is in r/loud", author="one_voice")
    _say(session, now, "r/unmet says nothing of what is sold", title="Hello")
    _say(session, now - timedelta(days=31), "A CRM, long ago, in r/old")
    _say(session, now, "CRM: r/bakers is where we are, and r/watched is known", author="baker9")
    watch_source(session, now=now, platform=Platform.REDDIT, community="r/Watched")
    found = suggestions.suggest_communities(session, campaign.id, now=now)
    assert [(one.community, one.posts, one.authors) for one in found] == [("r/pastry", 3, 3), ("r/loud", 5, 1)]
    assert found[0].examples == ["https://example.org/2", "https://example.org/1", "https://example.org/0"]


def test_at_most_twenty_are_suggested_and_none_of_a_retired_query(session: Session, now: datetime) -> None:
    campaign = make_campaign(session, now=now, queries={"asks": "crm"})
    _say(session, now, "CRM " + " ".join(f"r/place{number}" for number in range(30)))
    assert len(suggestions.suggest_communities(session, campaign.id, now=now)) == 20
    queries.retire_query(session, 1, now=now)
    session.flush()
    assert suggestions.suggest_communities(session, campaign.id, now=now) == []


def test_a_campaign_that_is_not_there_is_named(session: Session, now: datetime) -> None:
    with pytest.raises(NotFound, match="no campaign 7"):
        suggestions.suggest_communities(session, 7, now=now)
