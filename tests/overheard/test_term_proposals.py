"""Words worth adding to a query: planted ones come first, and chance passes hardly ever."""

from datetime import datetime

import numpy as np
import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.keywords.term_proposals import Terms, propose, terms_of, weigh
from overheard.leads import funnel
from overheard.leads.qualify import qualify
from overheard.models import Lead
from overheard.vocabulary import DisqualifyReason
from tests.factories import MODEL, Cast, make_campaign, measure, new_post, predict, store

_WORDS = np.array([f"word{number}" for number in range(2_000)])
_SHARES = np.minimum(2 / np.arange(1, 2_001), 0.6)  # as words are: few are common, most are rare
_PLANTED = {"wedding": 0.4, "invoice app": 0.3, "deposit": 0.2}


def _posts(random: np.random.Generator, number: int, planted: dict[str, float]) -> list[Terms]:
    said = random.random((number, len(_WORDS))) < _SHARES
    more = {term: random.random(number) < share for term, share in planted.items()}
    return [
        frozenset([*_WORDS[said[post]].tolist(), *(term for term, here in more.items() if here[post])])
        for post in range(number)
    ]


def test_planted_terms_come_first_and_those_of_chance_do_not_pass() -> None:
    random = np.random.default_rng(6)
    lists_with_chance = 0
    for _ in range(20):
        here = _posts(random, 300, _PLANTED)
        there = _posts(random, 200, dict.fromkeys(_PLANTED, 0.02))
        found = [one.term for one in weigh(here, there)]
        assert found[:3] == sorted(_PLANTED, key=lambda term: -_PLANTED[term]) or set(found[:3]) == set(_PLANTED)
        lists_with_chance += len(found) > 3
        lists_with_chance += bool(weigh(_posts(random, 200, {}), _posts(random, 200, {})))
    assert lists_with_chance <= 5  # of forty; two are to be expected


def test_terms_are_words_and_pairs_within_a_sentence_without_fillers_alone() -> None:
    assert terms_of("Need C++ help!", "I have a web-shop. Caf\u00e9 2 go") == {
        "need", "need c++", "c++", "c++ help", "help", "a web-shop", "web-shop", "cafe", "cafe 2", "2 go", "go",
    }  # fmt: skip


def test_what_was_put_out_and_what_was_promoted_propose_terms_that_no_query_has_yet(
    session: Session, cast: Cast, now: datetime
) -> None:
    campaign = make_campaign(session, now=now, queries={"asks": "crm -webinar", "odd": "nothing"})

    def leads(number: int, text: str, *, close: bool = False) -> list[int]:
        posts = [new_post(title="", body=text.format(n), author=text.format(n)) for n in range(number)]
        rows = store(session, *posts, now=now)
        for row in rows:
            predict(session, row, now=now)
            if close:
                measure(session, row, campaign, 0.9, now=now)
        qualify(session, model_version=MODEL, threshold=0.5, now=now)
        return list(session.scalars(sa.select(Lead.id).where(Lead.top_post_id.in_([row.id for row in rows]))))

    bought = leads(20, "A bakery: which crm? {}") + leads(15, "Guests of our pizzeria, {}", close=True)
    for lead_id in bought:
        funnel.promote(session, lead_id, actor=cast.sam, now=now)
    for lead_id in leads(40, "Webinars by crm {}"):
        funnel.disqualify(session, lead_id, reason=DisqualifyReason.NOT_A_BUYER, actor=cast.sam, now=now)
    for lead_id in leads(5, "Holiday home crm {}"):  # a need, and not ours: it says nothing of the words
        funnel.disqualify(session, lead_id, reason=DisqualifyReason.NOT_OUR_ICP, actor=cast.sam, now=now)

    found = propose(session, campaign.id)

    assert (found.promoted, found.without_need) == (35, 40)
    (seller,) = found.negative
    assert (seller.term, seller.query, seller.here, seller.there) == ("webinars", "asks", 40, 0)
    assert [example.post.body[:8] for example in seller.examples] == ["Webinars"] * 3
    assert [one.term for one in found.positive] == ["bakery", "guests"]
    assert [(one.term, one.unmet, one.query) for one in found.missed] == [("guests", 15, "asks")]
