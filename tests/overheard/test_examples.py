"""What a model may learn from."""

from dataclasses import replace
from datetime import timedelta
from itertools import count

import pytest
from sqlalchemy.orm import Session

from overheard.errors import InvalidInput
from overheard.labelling.examples import Example, training_examples
from overheard.labelling.splits import Split, is_near_copy, kin, split
from overheard.leads import funnel
from overheard.listening.erasure import erase
from overheard.models import IntentLabel, Lead, Post
from overheard.replying.guardrails.near_copies import shingles
from overheard.vocabulary import DisqualifyReason, Intent, Platform
from tests.conftest import NOW
from tests.factories import POSTED, Cast, make_campaign, make_lead, new_post, store, watch_source


def _say(session: Session, post: Post, intent: Intent, *, by: int | None, **more: object) -> IntentLabel:
    said = IntentLabel(
        post_id=post.id,
        intent=intent,
        actor_id=by,
        origin=None if by else "ann@elsewhere.example",
        at=NOW,
        text_hash=post.text_hash,
        shown_because="random",
    )
    for name, value in more.items():
        setattr(said, name, value)
    session.add(said)
    session.flush()
    return said


def test_decisions_are_brought_together_one_example_a_post(session: Session, cast: Cast) -> None:
    rye, oat = (make_campaign(session, now=NOW, name=name) for name in ("Rye CRM", "Oat CRM"))
    lead = make_lead(session, now=NOW, campaign=rye)
    in_oat = session.query(Lead).filter_by(campaign_id=oat.id).one()
    funnel.promote(session, lead.id, actor=cast.sam, now=NOW)
    (example,) = training_examples(session)
    assert (example.is_lead, example.weight, example.intent, example.campaign_id) == (True, 1.0, None, rye.id)
    assert (example.score, example.model_version) == (0.9, "tiny-1")
    funnel.disqualify(session, in_oat.id, reason=DisqualifyReason.NO_NEED, actor=cast.sam, now=NOW)
    assert training_examples(session) == [], "one says yes, one no: nothing to be learned"
    assert training_examples(session, before=NOW) == []


@pytest.mark.parametrize(
    ("reason", "teaches"),
    [(DisqualifyReason.NO_NEED, False), (DisqualifyReason.STALE, True), (DisqualifyReason.OTHER, None)],
)
def test_only_a_reason_about_the_need_is_a_no(
    session: Session, cast: Cast, reason: DisqualifyReason, *, teaches: bool | None
) -> None:
    lead = make_lead(session, now=NOW)
    funnel.disqualify(session, lead.id, reason=reason, note="read this", actor=cast.sam, now=NOW)
    assert [example.is_lead for example in training_examples(session)] == ([] if teaches is None else [teaches])


def test_the_guideline_counts_before_the_queue_and_who_settles_counts_before_all(session: Session, cast: Cast) -> None:
    lead = make_lead(session, now=NOW)
    post = session.get_one(Post, lead.top_post_id)
    funnel.promote(session, lead.id, actor=cast.sam, now=NOW)
    _say(session, post, Intent.ADVICE, by=cast.sam.id)
    _say(session, post, Intent.SUPPORT, by=None)
    _say(session, post, Intent.PAIN, by=cast.sue.id, is_unsure=True)
    (example,) = training_examples(session)
    assert (example.is_lead, example.intent) == (False, None)
    assert example.weight == pytest.approx(2 / 3)
    final = _say(session, post, Intent.PAIN, by=cast.eli.id, is_unsure=True, is_final=True)
    (example,) = training_examples(session)
    assert (example.is_lead, example.intent, example.weight) == (True, Intent.PAIN, 0.5)
    final.withdrawn_at = NOW
    session.flush()
    assert not training_examples(session)[0].is_lead


def test_what_may_not_be_learned_from_stays_out(session: Session, cast: Cast) -> None:
    allowed = watch_source(session, now=NOW)
    forbidden = watch_source(session, now=NOW, mode="mastodon", platform=Platform.MASTODON, community="#bread")
    places = [(source.platform, source.community) for source in (allowed, forbidden)]
    posts = store(
        session, *(new_post(platform=platform, community=where, permalink=None) for platform, where in places), now=NOW
    )
    for post in posts:
        _say(session, post, Intent.PAIN, by=cast.sam.id)
    assert [one.post_id for one in training_examples(session)] == [posts[0].id]
    forbidden.may_train, allowed.may_train = True, False
    assert [one.post_id for one in training_examples(session)] == [posts[1].id]
    allowed.may_train = None
    posts[1].text_hash = "of a text that was edited"
    session.flush()
    assert [one.post_id for one in training_examples(session)] == [posts[0].id]
    erase(session, {(posts[0].platform, posts[0].external_id): "deleted there"}, now=NOW)
    assert training_examples(session) == []
    assert session.query(IntentLabel).count() == 1


def test_a_conversation_is_known_through_posts_nobody_labelled(session: Session, cast: Cast) -> None:
    top = new_post(external_id="t3_top", permalink="https://www.reddit.com/r/bakers/comments/top/which_crm/")
    between = replace(new_post(external_id="t1_between", permalink=None), parent_external_id="t3_top")
    below = replace(new_post(external_id="t1_below", permalink=None), parent_external_id="t1_between")
    link = "https://www.reddit.com/r/bakers/comments/top/which_crm/lone/"
    lone = replace(new_post(external_id="t1_lone", permalink=link), parent_external_id="t1_never_stored")
    other = new_post(external_id="t3_other", permalink=None)
    rows = store(session, top, between, below, lone, other, now=NOW)
    for post in (rows[0], *rows[2:]):
        _say(session, post, Intent.PAIN, by=cast.sam.id)
    threads = [one.thread for one in training_examples(session)]
    assert threads == [*["reddit t3_top"] * 3, "reddit t3_other"]


# --- splits --------------------------------------------------------------------------------------------------------

_numbers = count(1)
_WORDS = ["flour", "oven", "bakery", "till", "stock", "price", "order", "staff", "rota", "van", "shelf", "cake", "loaf"]


def _example(text: str = "", *, author: str | None = None, thread: str | None = None, day: int = 0) -> Example:
    number = next(_numbers)
    own = " ".join(_WORDS[(number * step + step) % 13] + str(number) for step in range(12))
    return Example(
        post_id=number,
        platform=Platform.REDDIT,
        community="r/bakers",
        author=author or f"author{number}",
        thread=thread or f"thread {number}",
        written_at=POSTED + timedelta(days=day),
        title="",
        body=text or own,
        text_hash=text or own,
        is_lead=True,
        intent=None,
        weight=1.0,
        propensity=None,
        shown_because="top",
        labelled_at=NOW,
        campaign_id=None,
        score=None,
        model_version=None,
    )


_STORY = (
    "We are a bakery of three people and our old till system was switched off last week. "
    "Which simple system do you use for orders and stock? We can pay about forty euros a month for it."
)


def _leaky(copies: int) -> list[Example]:
    """Whatever one could think of to have the same thing on both sides."""
    examples = []
    for at in range(copies):
        examples += [
            _example(author="Flour_Power" if at % 2 else "flour_power", day=at),
            _example(thread="the long one", day=at),
            _example(_STORY, day=at),
            _example(_STORY.replace("three", "four").replace("forty", "fifty").upper(), day=at),
            _example(f"Hello all, long time reader number {at}. {' '.join(_WORDS)} {at}. {_STORY} Thank you! " * 1),
            *(_example(day=at) for _ in range(20)),
        ]
    return examples


def _leaks(parts: Split) -> list[tuple[int, int]]:
    """Pairs over the border that know each other, found by looking at each pair."""
    texts = {one.post_id: shingles(one.body) for one in (*parts.train, *parts.held_out)}
    return [
        (one.post_id, other.post_id)
        for one in parts.train
        for other in parts.held_out
        if one.author.lower() == other.author.lower()  # type: ignore[union-attr]
        or one.thread == other.thread
        or is_near_copy(texts[one.post_id], texts[other.post_id])
    ]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("by_time", [False, True])
def test_nothing_leaks_from_one_side_to_the_other(seed: int, *, by_time: bool) -> None:
    examples = _leaky(6)
    parts = split(examples, share=0.3, seed=seed, by_time=by_time)
    assert _leaks(parts) == []
    assert parts.train
    assert parts.held_out
    everything = {one.post_id for one in (*parts.train, *parts.held_out, *parts.left_out)}
    assert everything == {one.post_id for one in examples}
    assert parts == split(examples[::-1], share=0.3, seed=seed, by_time=by_time)
    if by_time:
        assert max(one.written_at for one in parts.train) < min(one.written_at for one in parts.held_out)
    else:
        assert parts != split(examples, share=0.3, seed=seed + 1)
        assert parts.left_out == []
        assert len(parts.held_out) == round(0.3 * len(examples))
    naive = Split(examples[::2], examples[1::2], [])
    assert _leaks(naive), "this test could not fail"


def test_what_is_not_kin_is_not_held_together() -> None:
    examples = [_example(day=at) for at in range(50)]
    assert len(kin(examples)) == 50
    parts = split(examples, share=0.2, seed=1, by_time=True)
    assert (len(parts.train), len(parts.held_out), len(parts.left_out)) == (40, 10, 0)
    assert split([], share=0.2, seed=1, by_time=True) == Split([], [], [])
    with pytest.raises(InvalidInput, match="between 0 and 1"):
        split(examples, share=1, seed=1)
