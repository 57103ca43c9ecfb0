"""What the index leaves to be read is asked of the matcher itself: so nothing may be left out."""

from contextlib import suppress
from datetime import datetime

import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from overheard.errors import InvalidQuery
from overheard.keywords import queries
from overheard.keywords.backtest import preview
from overheard.keywords.search_index import candidates
from overheard.listening.post_texts import stored_texts
from overheard.models import Match, Post
from overheard.query_language.expression import read
from tests.factories import make_campaign, new_post, store

_WORDS = ["crm", "CRM", "c++", "C", "run", "running", "tries", "try", "data", "database", "café", "ﬁle", "straße", "99"]
_WORDS += ["example.com", "example", "com", "a_b", "ab", "it's", "日本", "İx", "℡c", "①", "x" * 120, "x" * 130]
_SIGNS = [
    " ",
    " ",
    " ",
    "-",
    ".",
    "\u200b",
    "\u0301",
    "'",
    "\u2019",
    "\n",
    "",
    "[.]",
    " dot ",
    "$",
    "++",
    "_",
    "\u00ad",
]

TEXTS = st.lists(st.tuples(st.sampled_from(_WORDS), st.sampled_from(_SIGNS)), max_size=8).map(
    lambda parts: "".join(word + sign for word, sign in parts)
)

_PATTERNS = [*_WORDS, "ca*", "*fe", "d*a*e", "x" * 110 + "*", "c*", "*", "~run", "~tries", ".net", "a\u200bb"]
_ATOMS = st.one_of(
    st.sampled_from(_PATTERNS),
    st.sampled_from(["`C++`", "`$99`", "`C`", "`it's`", "`ab`", "`ﬁ`", "`\u0301`", "domain:example.com"]),
    st.lists(st.sampled_from([*_WORDS, "*", "da*"]), min_size=1, max_size=3).map(lambda words: f'"{" ".join(words)}"'),
    TEXTS.map(lambda text: f'"{text}"'),
    TEXTS.map(lambda text: f"`{text}`"),
)
EXPRESSIONS = st.recursive(
    _ATOMS,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from([" ", " OR ", " AND NOT ", " near/3 ", " -"]), inner).map("".join),
        inner.map(lambda part: f"({part})"),
        inner.map(lambda part: f"title:({part})"),
    ),
    max_leaves=6,
)


def test_the_index_never_leaves_out_a_post_that_the_matcher_meets(session: Session, now: datetime) -> None:
    @settings(max_examples=40, deadline=None)
    @given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=4), st.lists(EXPRESSIONS, min_size=1, max_size=6))
    def agree(texts: list[tuple[str, str]], expressions: list[str]) -> None:
        with session.begin_nested() as savepoint:
            streamed = _saved(session, campaign_id, "streamed", expressions, now=now)
            store(session, *(new_post(title=title, body=body) for title, body in texts), now=now)
            posts = list(stored_texts(session))
            for written in expressions:
                try:
                    expression = read(written)
                except InvalidQuery:
                    continue
                met = {post.id for post in posts if expression.find(post.text) is not None}
                among = candidates(session, expression.root)
                if among is not None:
                    assert met <= set(session.scalars(among)), written
                assert preview(session, written, now=now, days=None).posts == len(met), written
            looked_up = _saved(session, campaign_id, "looked up", expressions, now=now)
            assert _met_by(session, streamed) == _met_by(session, looked_up)
            savepoint.rollback()

    campaign_id = make_campaign(session, now=now).id
    agree()


def _saved(session: Session, campaign_id: int, name: str, expressions: list[str], *, now: datetime) -> int:
    """The first of the expressions that can be read, as a query (id) in force; `*` where none can."""
    for expression in expressions:
        with suppress(InvalidQuery):
            return queries.save_query(session, campaign_id, name=name, expression=expression, now=now).id
    return queries.save_query(session, campaign_id, name=name, expression="*", now=now).id


def _met_by(session: Session, query_id: int) -> dict[int, list[list[str | int]]]:
    matches = session.scalars(sa.select(Match).where(Match.query_id == query_id))
    return {match.post_id: match.spans for match in matches}


def test_the_index_rules_posts_out(session: Session, now: datetime) -> None:
    store(
        session, *(new_post(title=title, body="") for title in ("CRM for a bakery", "crm", "bakeries", "ERP")), now=now
    )

    def found(expression: str) -> list[str]:
        among = candidates(session, read(expression).root)
        assert among is not None
        return list(session.scalars(sa.select(Post.title).where(Post.id.in_(among)).order_by(Post.id)))

    assert found("crm bak*") == ["CRM for a bakery"]
    assert found('"crm for" OR erp') == ["CRM for a bakery", "ERP"]
    assert found("(crm OR erp) -bakery (erp OR bread*)") == ["ERP"]
    assert found("~bakery") == ["CRM for a bakery", "bakeries"]
    assert candidates(session, read("*").root, read("crm").root) is None
    assert candidates(session, read("platform:reddit").root) is None


def test_a_huge_query_is_one_question_to_the_index(session: Session, now: datetime) -> None:
    store(session, new_post(title="word9999 here"), now=now)
    flat = " OR ".join(f"word{number}" for number in range(10_000))
    deep = "(here AND " * 45 + "(a OR (b AND " * 20 + "c" + "))" * 20 + ")" * 45
    for expression in (flat, f"here AND ({deep} OR here)"):
        among = candidates(session, read(expression).root)
        assert among is not None
        assert len(session.scalars(among).all()) == 1
