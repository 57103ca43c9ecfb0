"""What a reply may say, and how often one may write."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from overheard.errors import ReplyRefused
from overheard.replying import replies
from overheard.replying.guardrails import Guardrail, Moment
from overheard.replying.guardrails.near_copies import jaccard, shingles, sketch
from tests.factories import Cast
from tests.overheard.reply_rows import ANSWER, LINE, connected, drafted, guard, sent, told

pytestmark = pytest.mark.alternate_databases

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)


# --- words ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", [f"Try {{tool}}, it is good. {LINE}", f"Hello {{their name}} and {{tool}}! {LINE}", f"\n{LINE}\n", ""]
)
def test_what_is_not_finished_is_not_approved(session: Session, cast: Cast, now: datetime, text: str) -> None:
    draft = drafted(session, cast.sam, now=now, text=text)
    assert not told(session, draft, now=now)[Guardrail.PLACEHOLDERS].may_override
    assert Guardrail.PLACEHOLDERS not in told(session, draft, now=now, moment=Moment.SEND)


def test_filled_placeholders_and_braces_that_are_none_pass(session: Session, cast: Cast, now: datetime) -> None:
    draft = drafted(session, cast.sam, now=now, text=f"Put {{}} around it, or {{\n}}. {LINE}")
    assert Guardrail.PLACEHOLDERS not in told(session, draft, now=now)


@pytest.mark.parametrize(
    "link", ["https://rye.example.org/crm", "www.rye-crm.com", "rye-crm.io/pricing", "Rye-CRM.com", "http://1.2.3.4/x"]
)
def test_a_first_reply_carries_no_link_and_a_second_may(session: Session, cast: Cast, now: datetime, link: str) -> None:
    draft = drafted(session, cast.sam, now=now, text=f"See {link} for it. {LINE}")
    refusal = told(session, draft, now=now)[Guardrail.LINKS]
    assert (link in refusal.why, refusal.may_override) == (True, False)
    assert Guardrail.LINKS not in told(session, draft, now=now, links_in_first=True)
    sent(session, cast.sue, now=now - 100 * DAY, number=2, author="baker9")
    later = drafted(session, cast.sam, now=now, number=3, author="baker9", text=f"See {link} for it. {LINE}")
    assert Guardrail.LINKS not in told(session, later, now=now)


@pytest.mark.parametrize(
    "text", ["e.g. this, i.e. that", "mail me at sam@rye-crm.com", "v2.0 of node.js", "3.5 hours. Or so."]
)
def test_what_only_looks_like_a_link_is_none(session: Session, cast: Cast, now: datetime, text: str) -> None:
    assert Guardrail.LINKS not in told(session, drafted(session, cast.sam, now=now, text=f"{text} {LINE}"), now=now)


@pytest.mark.parametrize(
    "link",
    [
        "https://bit.ly/3xyz",
        "t.co/abc",
        "https://www.google.com/url?q=https://rye.example.org",
        "https://rye.example.org/go?to=https://x.org",
    ],
)
def test_a_link_that_hides_where_it_leads_is_never_let_through(
    session: Session, cast: Cast, now: datetime, link: str
) -> None:
    draft = drafted(session, cast.sam, now=now, text=f"See {link} for it. {LINE}")
    assert "hides where it leads" in told(session, draft, now=now, links_in_first=True)[Guardrail.LINKS].why
    assert Guardrail.LINKS not in told(session, draft, now=now, links_in_first=True, shorteners=True)


def test_a_near_copy_of_what_any_of_us_wrote_in_ninety_days_is_refused(
    session: Session, cast: Cast, now: datetime
) -> None:
    sent(session, cast.sue, now=now - 80 * DAY, community="r/cooks")
    nearly = ANSWER.replace("Two bakeries", "Two  BAKERIES").replace("never looked back", "never looked back!!")
    draft = drafted(session, cast.sam, now=now, number=2, text=nearly)
    refusal = told(session, draft, now=now)[Guardrail.NEAR_COPY]
    assert ("r/cooks on 2026-09-01: 100 % alike" in refusal.why, refusal.may_override) == (True, False)
    assert Guardrail.NEAR_COPY not in told(session, draft, now=now + 11 * DAY)
    assert Guardrail.NEAR_COPY not in told(session, draft, now=now, near_copy=0)


def test_another_answer_with_the_same_line_is_no_copy(session: Session, cast: Cast, now: datetime) -> None:
    sent(session, cast.sam, now=now - DAY)
    draft = drafted(session, cast.sam, now=now, number=2, text=f"Ask them for a trial. {LINE}")
    assert Guardrail.NEAR_COPY not in told(session, draft, now=now)


def test_the_border_between_a_copy_and_another_text_is_told_exactly(
    session: Session, cast: Cast, now: datetime
) -> None:
    words = [f"word{number}" for number in range(60)]
    sent(session, cast.sue, now=now - DAY, text=f"{' '.join(words)} {LINE}")
    for changed, is_copy in ((2, True), (3, False)):  # each inner word stands in three of the 58 runs of three
        text = " ".join(word + "x" * (index in (10, 30, 50)[:changed]) for index, word in enumerate(words))
        draft = drafted(session, cast.sam, now=now, number=10 + changed, text=f"{text} {LINE}")
        similarity = jaccard(shingles(text), shingles(" ".join(words)))
        assert (similarity >= 0.8) is is_copy
        assert (Guardrail.NEAR_COPY in told(session, draft, now=now)) is is_copy


def test_a_sketch_is_the_same_on_every_machine_and_for_texts_without_words() -> None:
    assert sketch("One two three four") == sketch("one, two; THREE four!")
    assert len(sketch("")) == len(sketch("a b c d")) == 128 * 4


def test_the_share_of_promotion_is_said_and_stops_nothing(session: Session, cast: Cast, now: datetime) -> None:
    pitch = f"Rye CRM does that, and so much more for bakers. {LINE}"
    sent(session, cast.sam, now=now - 2 * DAY, text=pitch)
    sent(session, cast.sam, now=now - DAY, number=2)
    draft = drafted(session, cast.sam, now=now, number=3, text=f"Have you seen Rye CRM for your bread? {LINE}")
    warning = told(session, draft, now=now)[Guardrail.PROMOTION]
    assert (warning.is_warning, "2 of your 3 replies" in warning.why) == (True, True)
    plain = drafted(session, cast.sam, now=now, number=4, text=f"Have you tried a sheet? {LINE}")
    assert Guardrail.PROMOTION not in told(session, plain, now=now)
    assert Guardrail.PROMOTION not in told(session, draft, now=now, promotional_share=0.7)


# --- pace ----------------------------------------------------------------------------------------------------------


def test_an_account_writes_ten_replies_a_day_and_no_more(session: Session, cast: Cast, now: datetime) -> None:
    sent(session, cast.sam, now=now - 200 * DAY, number=99)
    for number in range(10):
        sent(session, cast.sam, now=now - timedelta(hours=23, minutes=-number), number=number, community=f"r/{number}")
    draft = drafted(session, cast.sam, now=now, number=20, community="r/other")
    refusal = told(session, draft, now=now)[Guardrail.DAY_CAP]
    assert (refusal.may_override, refusal.not_before) == (False, now + timedelta(hours=1))
    assert Guardrail.DAY_CAP not in told(session, draft, now=now + timedelta(hours=1))
    assert Guardrail.DAY_CAP not in told(session, draft, now=now, day_cap=0)
    sues = drafted(session, cast.sue, now=now, number=21, community="r/other")
    assert Guardrail.DAY_CAP not in told(session, sues, now=now)


def test_a_new_account_begins_with_three_a_day_and_grows(session: Session, cast: Cast, now: datetime) -> None:
    for number in range(3):
        sent(session, cast.sam, now=now - timedelta(hours=3 - number), number=number, community=f"r/{number}")
    draft = drafted(session, cast.sam, now=now, number=20, community="r/other")
    assert "a new account begins with 3" in told(session, draft, now=now)[Guardrail.DAY_CAP].why
    assert Guardrail.DAY_CAP not in told(session, draft, now=now, ramp_days=0)
    old = connected(session, cast.sam, now=now, days=7)
    assert Guardrail.DAY_CAP not in told(session, draft, now=now, account=old)


def test_a_community_hears_from_all_of_us_three_times_a_week(session: Session, cast: Cast, now: datetime) -> None:
    for number, user in enumerate((cast.sam, cast.sue, cast.sam)):
        sent(session, user, now=now - 6 * DAY + number * MINUTE, number=number)
    draft = drafted(session, cast.sue, now=now, number=20)
    refusal = told(session, draft, now=now)[Guardrail.COMMUNITY_CAP]
    assert (refusal.may_override, refusal.not_before) == (False, now + DAY)
    assert Guardrail.COMMUNITY_CAP not in told(session, draft, now=now + DAY)
    assert Guardrail.COMMUNITY_CAP not in told(session, draft, now=now, community_cap=0)


def test_between_two_replies_there_is_a_pause_that_nobody_can_foretell(
    session: Session, cast: Cast, now: datetime
) -> None:
    sent(session, cast.sam, now=now, number=1)
    draft = drafted(session, cast.sam, now=now, number=2, text=f"Ask them for a trial. {LINE}")
    until = told(session, draft, now=now)[Guardrail.PAUSE].not_before
    assert until is not None
    assert 3 * MINUTE <= until - now <= 4.5 * MINUTE
    assert told(session, draft, now=now + MINUTE)[Guardrail.PAUSE].not_before == until
    assert Guardrail.PAUSE not in told(session, draft, now=until)
    assert told(session, draft, now=now, pause_jitter=0)[Guardrail.PAUSE].not_before == now + 3 * MINUTE
    with pytest.raises(ReplyRefused, match="only just gone out"):
        replies.approve(session, draft.id, actor=cast.sam, guard=guard(), now=now)


def test_what_a_worker_sends_waits_by_itself_and_its_writer_is_told(
    session: Session, cast: Cast, now: datetime
) -> None:
    sent(session, cast.sam, now=now, number=1)
    draft, account = drafted(session, cast.sam, now=now, number=2), connected(session, cast.sam, now=now)
    warning = told(session, draft, now=now, account=account)[Guardrail.PAUSE]
    assert (warning.is_warning, warning.remedy.startswith("It is sent after")) == (True, True)
