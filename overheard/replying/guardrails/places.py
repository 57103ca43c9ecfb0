"""Where not to write: threads that are closed or changed, posts that are old, communities that forbid it."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import sqlalchemy as sa

from overheard.days import local
from overheard.errors import Refusal
from overheard.listening.terms import ReplyWay, Terms
from overheard.models import Answer, Reply
from overheard.replying import community_rules
from overheard.replying.conversations import RuleFlag, TargetState
from overheard.replying.guardrails.case import Case, Guardrail, Moment

_SAID_IN_DAYS = timedelta(days=4)
_FORBIDDEN = {
    RuleFlag.NO_PROMOTION: "promotion",
    RuleFlag.NO_AI: "text by machines",
    RuleFlag.NO_BOTS: "bots",
}


def can_be_answered(case: Case) -> Iterator[Refusal]:
    """The post as it stands now: there, unchanged, open, not answered by us."""
    if case.post is None:
        yield _target("The post that this answers was deleted.", "Discard the reply.")
        return
    terms = Terms.of(case.source) if case.source else None
    if terms and terms.can_reply is ReplyWay.NONE:
        yield _target(f"Posts of {case.reply.community} cannot be answered.", "Disqualify the lead.")
    elif case.account_id is not None and terms and terms.can_reply is not ReplyWay.API:
        yield _target(
            f"What came in from {case.reply.community} this way cannot be answered through the platform's interface.",
            "Post it there yourself and mark it sent.",
        )
    if case.moment is Moment.SEND and case.reply.target_hash not in {None, case.post.text_hash}:
        yield _target("The post was edited after this reply was approved.", "Read it again and write anew.")
    thread = case.thread
    if thread is None:
        return
    if thread.target_state is TargetState.DELETED:
        yield _target("The post is not there any more: it was deleted or removed.", "Discard the reply.")
    if thread.is_locked:
        yield _target("The thread is locked: nobody can answer in it.", "Discard the reply.")
    if thread.answered_by_us:
        yield _target("One of us has answered there already.", "Read what was said, and leave it at that.")
    if thread.target_state is TargetState.EDITED and case.moment is not Moment.DRAFT:
        yield _target(
            "The post was edited since we read it.",
            "Read it as it stands now. If the reply still fits, set this aside.",
            may_override=True,
        )


def _target(why: str, remedy: str, *, may_override: bool = False) -> Refusal:
    return Refusal(Guardrail.TARGET, why, remedy, may_override=may_override)


def is_allowed_there(case: Case) -> Iterator[Refusal]:
    """What the community asks of those who write in it."""
    rules = community_rules.of(case.session, case.source.id) if case.source else None
    if rules is None:
        yield Refusal(
            Guardrail.COMMUNITY_RULES,
            f"The rules of {case.reply.community} are not known here.",
            "Read them at the platform before you write.",
            is_warning=True,
        )
        return
    if not case.settings.obey_rules:
        return
    for flag in RuleFlag:
        if flag.value not in rules.flags:
            continue
        by_hand = flag is not RuleFlag.NO_PROMOTION and case.account_id is None
        yield Refusal(
            Guardrail.COMMUNITY_RULES,
            f"The rules of {case.reply.community} forbid {_FORBIDDEN[flag]}.",
            "You write and post by hand: read the rules, and set this aside if they mean something else."
            if by_hand
            else "Write nothing there. If the rules were misread, correct below what they forbid.",
            may_override=by_hand,
        )


def was_removed_there(case: Case) -> Iterator[Refusal]:
    """A community that took a reply of ours away is left alone for a while."""
    days = case.settings.removal_days
    last = case.session.scalar(
        sa.select(sa.func.max(Reply.removed_at)).where(
            Reply.platform == case.reply.platform, Reply.community == case.reply.community
        )
    )
    if last is None or last <= case.now - timedelta(days=days):
        return
    until = last + timedelta(days=days)
    yield Refusal(
        Guardrail.REMOVED_THERE,
        f"A reply of ours in {case.reply.community} was taken away on {local(last):%Y-%m-%d}.",
        f"Read its rules, ask its moderators, and wait until {local(until):%Y-%m-%d}.",
        is_warning=case.moment is Moment.DRAFT,
    )


def is_fresh(case: Case) -> Iterator[Refusal]:
    """Nobody waits for an answer to an old post."""
    hours = case.settings.fresh_hours
    at = _asked_at(case)
    if not hours or at is None or case.now - at <= timedelta(hours=hours):
        return
    yield Refusal(
        Guardrail.FRESHNESS,
        f"What this answers is {_age(case.now - at)} old; after {hours} hours an answer looks like an advertisement.",
        "If they still look for something, set this aside.",
        may_override=True,
        is_warning=case.moment is Moment.DRAFT,
    )


def _asked_at(case: Case) -> datetime | None:
    if case.post is None:
        return None
    if case.reply.target != case.post.external_id:
        is_target = (Answer.platform == case.reply.platform) & (Answer.external_id == case.reply.target)
        answer = case.session.scalar(sa.select(Answer).where(is_target))
        return (answer.posted_at or answer.collected_at) if answer else None
    return case.post.posted_at or case.post.collected_at


def _age(age: timedelta) -> str:
    return f"{age.days} days" if age >= _SAID_IN_DAYS else f"{int(age.total_seconds() // 3600)} hours"
