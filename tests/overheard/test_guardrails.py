"""Each guardrail lets the right reply through, stops the wrong one, and says what would make it pass."""

from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.errors import ReplyRefused
from overheard.listening.terms import ReplyWay, Terms
from overheard.models import Answer, Campaign, Post, Reply, Signal, Source
from overheard.replying import community_rules, guardrails, replies, reply_stops
from overheard.replying.conversations import RuleFlag, Rules, TargetState, Thread, ThreadPost
from overheard.replying.guardrails import Guardrail, Moment
from overheard.vocabulary import AnswerKind, Intent, Platform, ReplyState
from tests.factories import Cast, make_campaign, new_post, store
from tests.overheard.reply_rows import ANSWER, LINE, connected, drafted, guard, sent, told

pytestmark = pytest.mark.alternate_databases

DAY = timedelta(days=1)
PLAIN = Thread(posts=[ThreadPost("baker1", "We are three people.", None, is_target=True)])


def source_of(session: Session, reply: Reply) -> Source:
    return session.get_one(Source, session.get_one(Post, reply.post_id).source_id)


def test_a_plain_answer_meets_no_objection_but_that_the_rules_are_not_known(
    session: Session, cast: Cast, now: datetime
) -> None:
    draft = drafted(session, cast.sam, now=now)
    found = told(session, draft, now=now, thread=PLAIN)
    assert set(found) == {Guardrail.COMMUNITY_RULES}
    assert found[Guardrail.COMMUNITY_RULES].is_warning


def test_every_guardrail_is_checked_before_a_reply_is_approved() -> None:
    assert set(guardrails.CHECKS) == set(Guardrail)
    assert all(Moment.APPROVE in moments for _, moments in guardrails.CHECKS.values())


def test_a_refusal_says_which_why_and_what_to_do_and_only_some_can_be_set_aside(
    session: Session, cast: Cast, now: datetime
) -> None:
    draft = drafted(session, cast.sam, now=now, text="Use {tool name}.", posted_at=now - 3 * DAY)
    both = {"freshness", "placeholders", "affiliation"}
    with pytest.raises(ReplyRefused) as refused:
        replies.approve(session, draft.id, actor=cast.sam, guard=guard(), now=now)
    assert {refusal.guardrail for refusal in refused.value.refusals} == both
    assert "{tool name}" in str(refused.value)
    with pytest.raises(ReplyRefused) as refused:
        replies.approve(session, draft.id, actor=cast.sam, guard=guard(), now=now, overrides=both)
    assert {refusal.guardrail for refusal in refused.value.refusals} == both - {"freshness"}
    approved = replies.approve(
        session, draft.id, actor=cast.sam, guard=guard(), now=now, text=ANSWER, overrides=["freshness", "nonsense"]
    )
    assert approved.overrides == ["freshness"]


# --- the kill switch -----------------------------------------------------------------------------------------------


def test_while_replies_are_stopped_none_is_approved_and_drafts_go_on(
    session: Session, cast: Cast, now: datetime
) -> None:
    reply_stops.stop(session, because="A moderator wrote to us.", actor=cast.alice, now=now)
    draft = drafted(session, cast.sam, now=now)
    stopped = told(session, draft, now=now)[Guardrail.STOP]
    assert (stopped.may_override, "A moderator wrote to us." in stopped.why) == (False, True)
    assert reply_stops.lift(session, now=now) == 1
    assert Guardrail.STOP not in told(session, draft, now=now)
    assert Guardrail.STOP in told(session, draft, now=now, stopped=True)


# --- people --------------------------------------------------------------------------------------------------------


def test_one_person_hears_from_us_once_in_ninety_days(session: Session, cast: Cast, now: datetime) -> None:
    sent(session, cast.sue, now=now - 80 * DAY)
    with pytest.raises(ReplyRefused, match=r"heard from us on 2026-09-01.* or until 2026-11-30"):
        drafted(session, cast.sam, now=now, number=2, author="baker1")
    draft = drafted(session, cast.sam, now=now + 11 * DAY, number=3, author="baker1")
    assert Guardrail.CONTACT_ONCE not in told(session, draft, now=now + 11 * DAY)
    assert Guardrail.CONTACT_ONCE in told(session, draft, now=now)
    assert Guardrail.CONTACT_ONCE not in told(session, draft, now=now, contact_days=0)


@pytest.mark.parametrize(
    ("kind", "may_write"),
    [(None, True), (AnswerKind.QUESTION, True), (AnswerKind.POSITIVE, True), (AnswerKind.NEGATIVE, False)],
)
def test_whoever_answered_us_may_be_answered(
    session: Session, cast: Cast, now: datetime, kind: AnswerKind | None, *, may_write: bool
) -> None:
    earlier = sent(session, cast.sam, now=now - DAY)
    answer = Answer(
        reply_id=earlier.id, platform=Platform.REDDIT, external_id="t1_answer", author="baker1", is_recipient=True,
        text="Which sheet?", collected_at=now, posted_at=now, confirmed=kind,
    )  # fmt: skip
    session.add(answer)
    session.flush()
    assert earlier.lead_id is not None
    if not may_write:
        with pytest.raises(ReplyRefused):
            replies.start_draft(session, earlier.lead_id, actor=cast.sam, guard=guard(), now=now, answer_id=answer.id)
        return
    draft = replies.start_draft(session, earlier.lead_id, actor=cast.sam, guard=guard(), now=now, answer_id=answer.id)
    assert (draft.target, draft.state) == ("t1_answer", ReplyState.DRAFT)
    assert {Guardrail.CONTACT_ONCE, Guardrail.FRESHNESS}.isdisjoint(told(session, draft, now=now))


@pytest.mark.parametrize(
    ("body", "may_override"),
    [
        ("I want to end my life and nobody answers.", False),
        ("I'm 14 and want to sell my cupcakes.", False),
        ("Since I was diagnosed with depression I cannot keep the books.", True),
        ("Which CRM? #nobot", False),
        ("Which CRM? Vendors please do not reply.", False),
    ],
)
def test_threads_and_people_to_leave_alone_are_left_alone(
    session: Session, cast: Cast, now: datetime, body: str, *, may_override: bool
) -> None:
    draft = drafted(session, cast.sam, now=now, body=body)
    assert told(session, draft, now=now)[Guardrail.SKIP_LIST].may_override is may_override
    assert Guardrail.SKIP_LIST not in told(session, draft, now=now, skip_topics=False)


@pytest.mark.parametrize(
    "body",
    [
        "We are a clinic for depression and cancer care and look for a CRM for 14 people.",
        "I sell to high schools. I'm in sales and am 17 years in the business.",
        "Our old process keeps killing itself. We want to kill the spreadsheet.",
        "My team of 12 needs this. I'm 12 weeks into the search.",
        "Our vendor does not reply to us any more. No spam problem here.",
    ],
)
def test_who_only_works_with_such_things_may_be_answered(
    session: Session, cast: Cast, now: datetime, body: str
) -> None:
    draft = drafted(session, cast.sam, now=now, body=body)
    assert Guardrail.SKIP_LIST not in told(session, draft, now=now)


def test_what_they_said_elsewhere_and_what_others_say_in_the_thread_counts(
    session: Session, cast: Cast, now: datetime
) -> None:
    draft = drafted(session, cast.sam, now=now)
    grief = Thread(posts=[ThreadPost("other", "My mother passed away last week.", None), *PLAIN.posts])
    assert Guardrail.SKIP_LIST in told(session, draft, now=now, thread=grief)
    store(session, new_post(author="baker1", body="Please don't contact me about my posts."), now=now)
    assert Guardrail.SKIP_LIST in told(session, draft, now=now, thread=PLAIN)


def test_a_community_on_the_list_and_one_of_people_in_need_are_skipped(
    session: Session, cast: Cast, now: datetime
) -> None:
    draft = drafted(session, cast.sam, now=now)
    assert Guardrail.SKIP_LIST in told(session, draft, now=now, skip_communities="r/cats, R/Bakers")
    assert Guardrail.SKIP_LIST not in told(session, draft, now=now, skip_communities="r/cats, bakersfield")
    in_need = drafted(session, cast.sam, now=now, number=2, community="r/SuicideWatch")
    assert not told(session, in_need, now=now)[Guardrail.SKIP_LIST].may_override


def test_a_call_for_support_wants_a_second_look(session: Session, cast: Cast, now: datetime) -> None:
    draft = drafted(session, cast.sam, now=now)
    session.execute(sa.update(Signal).values(intent=Intent.SUPPORT))
    assert told(session, draft, now=now)[Guardrail.SKIP_LIST].may_override


# --- places --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("thread", "why", "may_override"),
    [
        (Thread(posts=[], target_state=TargetState.DELETED), "not there any more", False),
        (Thread(posts=[], target_state=TargetState.EDITED), "was edited", True),
        (Thread(posts=[], is_locked=True), "locked", False),
        (Thread(posts=[], answered_by_us=True), "answered there already", False),
    ],
)
def test_what_became_of_the_post_meanwhile_counts(
    session: Session, cast: Cast, now: datetime, thread: Thread, why: str, *, may_override: bool
) -> None:
    draft = drafted(session, cast.sam, now=now)
    refusal = told(session, draft, now=now, thread=thread)[Guardrail.TARGET]
    assert (why in refusal.why, refusal.may_override) == (True, may_override)


def test_where_nobody_can_reply_nobody_does_and_sending_needs_an_interface(
    session: Session, cast: Cast, now: datetime
) -> None:
    draft, account = drafted(session, cast.sam, now=now), connected(session, cast.sam, now=now)
    source = source_of(session, draft)
    for way, by_hand, by_account in ((ReplyWay.NONE, 1, 1), (ReplyWay.ASSISTED, 0, 1), (ReplyWay.API, 0, 0)):
        source.terms = Terms(permission="None.", can_reply=way).as_json()
        assert (Guardrail.TARGET in told(session, draft, now=now)) is bool(by_hand)
        assert (Guardrail.TARGET in told(session, draft, now=now, account=account)) is bool(by_account)


@pytest.mark.parametrize("flag", list(RuleFlag))
def test_a_community_that_forbids_it_gets_no_draft(session: Session, cast: Cast, now: datetime, flag: RuleFlag) -> None:
    draft = drafted(session, cast.sam, now=now)
    source = source_of(session, draft)
    community_rules.keep(session, source.id, Rules("1. Be kind.", frozenset()), now=now)
    assert told(session, draft, now=now) == {}
    community_rules.keep(session, source.id, Rules("1. None of that.", frozenset({flag})), now=now)
    refusal = told(session, draft, now=now, moment=Moment.DRAFT)[Guardrail.COMMUNITY_RULES]
    assert (refusal.is_warning, refusal.may_override) == (False, flag is not RuleFlag.NO_PROMOTION)
    account = connected(session, cast.sam, now=now)
    assert not told(session, draft, now=now, account=account)[Guardrail.COMMUNITY_RULES].may_override
    assert told(session, draft, now=now, obey_rules=False) == {}
    with pytest.raises(ReplyRefused, match="The rules of r/bakers forbid"):
        drafted(session, cast.sam, now=now, number=2)


def test_a_person_corrects_what_rules_were_read_as_until_they_change(
    session: Session, cast: Cast, now: datetime
) -> None:
    source = source_of(session, drafted(session, cast.sam, now=now))
    read = Rules("Promotion on Saturdays.", frozenset({RuleFlag.NO_PROMOTION}))
    community_rules.keep(session, source.id, read, now=now)
    community_rules.correct(session, source.id, [], now=now)
    assert community_rules.keep(session, source.id, read, now=now).flags == []
    changed = Rules("No promotion at all.", frozenset({RuleFlag.NO_PROMOTION}))
    assert community_rules.keep(session, source.id, changed, now=now).flags == ["no_promotion"]


def test_a_community_that_took_a_reply_away_is_left_alone_for_a_month(
    session: Session, cast: Cast, now: datetime
) -> None:
    gone = sent(session, cast.sue, now=now - 20 * DAY)
    draft = drafted(session, cast.sam, now=now, number=2)
    assert Guardrail.REMOVED_THERE not in told(session, draft, now=now)
    session.execute(sa.update(Reply).where(Reply.id == gone.id).values(removed_at=now - 20 * DAY))
    assert "wait until 2026-11-30" in told(session, draft, now=now)[Guardrail.REMOVED_THERE].remedy
    assert Guardrail.REMOVED_THERE not in told(session, draft, now=now, removal_days=20)


def test_an_old_post_is_answered_only_by_a_persons_word(session: Session, cast: Cast, now: datetime) -> None:
    draft = drafted(session, cast.sam, now=now, posted_at=now - 2 * DAY)
    assert Guardrail.FRESHNESS not in told(session, draft, now=now)
    later = now + timedelta(hours=1)
    refusal = told(session, draft, now=later)[Guardrail.FRESHNESS]
    assert (refusal.may_override, "49 hours old" in refusal.why) == (True, True)
    assert Guardrail.FRESHNESS not in told(session, draft, now=later, fresh_hours=0)


# --- the campaign's name in the line -------------------------------------------------------------------------------


def test_the_line_names_what_the_campaign_sells_or_is_the_writers_own(
    session: Session, cast: Cast, now: datetime
) -> None:
    make_campaign(session, now=now, name="Oven Watch")
    draft = drafted(session, cast.sam, now=now)
    campaign = session.scalars(sa.select(Campaign)).one()
    assert guardrails.affiliation_line(guard(), cast.sam, campaign) == "I work on Oven Watch."
    assert Guardrail.AFFILIATION in told(session, draft, now=now), LINE
    cast.sam.affiliation = "Disclosure: I sell {campaign}."
    replies.edit_draft(session, draft.id, text="So. disclosure: I  SELL Oven Watch.", actor=cast.sam, now=now)
    assert Guardrail.AFFILIATION not in told(session, replies.get(session, draft.id), now=now)
    assert Guardrail.AFFILIATION not in told(session, draft, now=now, affiliation="")
