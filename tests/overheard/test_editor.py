"""Labels by the guideline: what is shown next, what is said, and how far people agree."""

from random import Random

import pytest
from sklearn.metrics import cohen_kappa_score
from sqlalchemy.orm import Session

from overheard.errors import NotFound
from overheard.labelling.agreement import agreement, cohens_kappa, kappa_interval, krippendorffs_alpha
from overheard.labelling.editor import LabelQueue, next_post, say, waiting, withdraw
from overheard.labelling.examples import training_examples
from overheard.measuring.intervals import Share
from overheard.models import IntentLabel, LabelDoubt, Post, User
from overheard.vocabulary import Intent, Platform
from tests.conftest import NOW
from tests.factories import Cast, new_post, predict, store, watch_source


def _posts(session: Session, number: int = 4) -> list[Post]:
    posts = store(session, *(new_post(title=f"Which CRM, number {at}?") for at in range(number)), now=NOW)
    for at, post in enumerate(posts):
        predict(session, post, now=NOW, score=(at + 1) / 10)
    return posts


def _say(session: Session, who: User, post: Post, intent: Intent, queue: LabelQueue = LabelQueue.RANDOM) -> IntentLabel:
    return say(session, post.id, intent, is_unsure=False, queue=queue, actor=who, now=NOW)


def test_a_second_person_labels_blind_and_a_third_word_settles_it(session: Session, cast: Cast) -> None:
    posts = _posts(session)
    first = next_post(session, LabelQueue.RANDOM, cast.sam)
    assert first is not None
    assert next_post(session, LabelQueue.RANDOM, cast.sam) == first, "a reload shows the same"
    assert {one.post.id for at in range(30) if (one := next_post(session, LabelQueue.RANDOM, cast.sam, skip=at))} == {
        post.id for post in posts
    }
    said = _say(session, cast.sam, first.post, Intent.PAIN)
    assert (said.model_version, said.shown_because, said.is_final) == ("tiny-1", "random", False)
    assert next_post(session, LabelQueue.SECOND, cast.sam) is None, "one's own is no second word"
    second = next_post(session, LabelQueue.SECOND, cast.eli)
    assert second is not None
    assert (second.post.id, second.said, second.doubt) == (first.post.id, [], None)
    assert waiting(session, cast.eli) == {
        LabelQueue.SECOND: 1,
        LabelQueue.DISAGREEMENT: 0,
        LabelQueue.DOUBT: 0,
    }
    _say(session, cast.eli, second.post, Intent.ADVICE, LabelQueue.SECOND)
    assert training_examples(session) == [], "a lead, says one; none, says the other"
    third = next_post(session, LabelQueue.DISAGREEMENT, cast.mara)
    assert third is not None
    assert [(name, one.intent) for name, one in third.said] == [("Sam", Intent.PAIN), ("Eli", Intent.ADVICE)]
    final = _say(session, cast.mara, third.post, Intent.PAIN, LabelQueue.DISAGREEMENT)
    assert final.is_final
    assert next_post(session, LabelQueue.DISAGREEMENT, cast.mara) is None
    assert [one.intent for one in training_examples(session)] == [Intent.PAIN]


def test_a_new_word_withdraws_the_old_and_keeps_it(session: Session, cast: Cast) -> None:
    post = _posts(session, 1)[0]
    for intent in (Intent.PAIN, Intent.SUPPORT):
        _say(session, cast.sam, post, intent)
    kept = session.query(IntentLabel).order_by(IntentLabel.id).all()
    assert [(one.intent, one.withdrawn_at is None) for one in kept] == [(Intent.PAIN, False), (Intent.SUPPORT, True)]
    assert withdraw(session, post.id, actor=cast.sam, now=NOW)
    assert not withdraw(session, post.id, actor=cast.sam, now=NOW)
    with pytest.raises(NotFound, match="no post 4711"):
        say(session, 4711, Intent.PAIN, is_unsure=False, queue=LabelQueue.RANDOM, actor=cast.sam, now=NOW)


def test_the_least_sure_come_first_and_a_doubt_shows_what_was_said(session: Session, cast: Cast) -> None:
    posts = _posts(session)
    shown = [next_post(session, LabelQueue.UNCERTAIN, cast.sam, skip=at) for at in range(5)]
    assert [one and one.post.id for one in shown] == [*(post.id for post in reversed(posts)), None]
    _say(session, cast.sam, posts[0], Intent.PAIN)
    doubt = LabelDoubt(
        post_id=posts[0].id, text_hash=posts[0].text_hash, said="pain", proposed="advice", loss=3.2, at=NOW
    )
    session.add(doubt)
    shown_again = next_post(session, LabelQueue.DOUBT, cast.eli)
    assert shown_again is not None
    assert (shown_again.doubt, [name for name, _ in shown_again.said]) == (doubt, ["Sam"])
    _say(session, cast.eli, posts[0], Intent.ADVICE, LabelQueue.DOUBT)
    assert next_post(session, LabelQueue.DOUBT, cast.eli) is None
    assert [one.intent for one in training_examples(session)] == [Intent.ADVICE]


def test_what_may_not_be_learned_from_is_not_asked_about(session: Session, cast: Cast) -> None:
    watch_source(session, now=NOW, mode="mastodon", platform=Platform.MASTODON, community="#bread")
    store(session, new_post(platform=Platform.MASTODON, community="#bread"), now=NOW)
    assert next_post(session, LabelQueue.RANDOM, cast.sam) is None


def test_agreement_is_told_by_pairs_and_together(session: Session, cast: Cast) -> None:
    words = [(Intent.PAIN, Intent.PAIN), (Intent.PAIN, Intent.ADVICE), (Intent.SUPPORT, Intent.ADVICE)]
    for post, (sam, sue) in zip(_posts(session, 3), words, strict=True):
        _say(session, cast.sam, post, sam)
        _say(session, cast.sue, post, sue, LabelQueue.SECOND)
        _say(session, cast.eli, post, sam, LabelQueue.DISAGREEMENT)
    told = agreement(session)
    assert list(told.pairs) == [("Sam", "Sue")], "who settles has seen what others said"
    assert told.pairs["Sam", "Sue"].posts == told.together.posts == 3
    assert told.pairs["Sam", "Sue"].on_lead == pytest.approx(cohen_kappa_score([1, 1, 0], [1, 0, 0]))
    assert told.confused == {("advice", "pain"): 1, ("advice", "support"): 1}
    assert list(told.people) == ["Sam", "Sue"]
    of_sam = told.people["Sam"]
    assert (of_sam.on_intent, of_sam.on_lead) == (Share(1, 3), Share(2, 3))
    assert {intent: share.part for intent, share in of_sam.said.items() if share.part} == {
        Intent.PAIN: 2,
        Intent.SUPPORT: 1,
    }
    low, high = told.pairs["Sam", "Sue"].intent_interval or (0.0, 0.0)
    assert low < (told.pairs["Sam", "Sue"].on_intent or 0.0) < high


def test_the_interval_of_kappa_holds_it_as_often_as_it_says() -> None:
    """Two who err now and then on what is mostly one thing: kappa of very many such answers is what a few estimate."""

    def answers(dice: Random, posts: int) -> list[tuple[int, int]]:
        truths = [min(int(dice.expovariate(0.5)), 4) for _ in range(posts)]
        return [
            (truth if dice.random() > 0.1 else dice.randrange(5), truth if dice.random() > 0.2 else dice.randrange(5))
            for truth in truths
        ]

    dice, runs = Random(1), 400  # noqa: S311 - no secret
    truth = cohens_kappa(answers(dice, 100_000)) or 0.0
    held = 0
    for _ in range(runs):
        low, high = kappa_interval(answers(dice, 150)) or (0.0, 0.0)
        held += low <= truth <= high
    assert 0.95 - 3 * (0.05 * 0.95 / runs) ** 0.5 <= held / runs <= 0.985
    assert kappa_interval([]) is None
    low, high = kappa_interval([("a", "a"), ("b", "b")] * 10) or (0.0, 0.0)
    assert 0.6 < low < high == 1.0, "twenty times the same is no certainty"


def test_kappa_and_alpha_are_what_their_authors_reckoned() -> None:
    dice = Random(3)  # noqa: S311 - no secret
    ours, theirs = ([dice.choice("abc") for _ in range(50)] for _ in range(2))
    assert cohens_kappa(list(zip(ours, theirs, strict=True))) == pytest.approx(cohen_kappa_score(ours, theirs))
    assert cohens_kappa([("a", "a")]) is None
    assert cohens_kappa([]) is None
    # Krippendorff's own example with four observers, twelve units and missing values.
    columns = ["111", "2232", "3333", "3333", "2222", "1234", "4444", "1121", "2222", "555", "11", "3"]
    assert krippendorffs_alpha([list(column) for column in columns]) == pytest.approx(0.743, abs=0.0005)
    assert krippendorffs_alpha([["a"], []]) is None
