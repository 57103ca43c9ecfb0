"""Whom not to write to: who said no, who heard from us already, who is in need of something else than an offer."""

from collections.abc import Iterator
from datetime import timedelta

import sqlalchemy as sa

from overheard.days import local
from overheard.errors import Refusal
from overheard.leads import do_not_contact
from overheard.models import Answer, Post, Reply, Signal
from overheard.replying.guardrails.case import Case, Guardrail
from overheard.replying.guardrails.sensitive import SUPPORT_COMMUNITIES, Trouble, asks_for_no_pitches, trouble_in
from overheard.vocabulary import AnswerKind, Intent, ReplyState

_REACHED = (ReplyState.SENDING, ReplyState.SENT, ReplyState.AMBIGUOUS)
_POSTS_READ = 50  # of one author, the newest


def wants_no_contact(case: Case) -> Iterator[Refusal]:
    """They said no."""
    names = [case.reply.recipient, case.post.author_name if case.post else None]
    if do_not_contact.is_listed(case.session, case.guard.key, case.reply.platform, *names):
        yield Refusal(
            Guardrail.DO_NOT_CONTACT,
            "This person does not want to hear from us: they are on the do-not-contact list.",
            "Disqualify the lead as do not contact. Nothing makes this pass.",
        )


def heard_from_us(case: Case) -> Iterator[Refusal]:
    """One contact per person in so many days, unless they answered."""
    days = case.settings.contact_days
    earlier = _last_contact(case, days) if days else None
    if earlier is None or _answered(case, earlier):
        return
    at = earlier.sent_at or earlier.changed_at
    yield Refusal(
        Guardrail.CONTACT_ONCE,
        f"This person heard from us on {local(at):%Y-%m-%d} and has not answered.",
        f"Wait for their answer, or until {local(at + timedelta(days=days)):%Y-%m-%d}.",
    )


def _last_contact(case: Case, days: int) -> Reply | None:
    same_person = Reply.recipient_hash == case.reply.recipient_hash
    if case.reply.lead_id is not None:
        same_person |= Reply.lead_id == case.reply.lead_id
    statement = sa.select(Reply).where(
        same_person,
        Reply.key != case.reply.key,
        Reply.state.in_(_REACHED),
        sa.func.coalesce(Reply.sent_at, Reply.changed_at) > case.now - timedelta(days=days),
    )
    return case.session.scalars(statement.order_by(Reply.id.desc())).first()


def _answered(case: Case, earlier: Reply) -> bool:
    """Whether what they said last leaves the door open."""
    statement = sa.select(Answer).where(Answer.reply_id == earlier.id, Answer.is_recipient).order_by(Answer.id.desc())
    last = case.session.scalars(statement).first()
    return last is not None and last.confirmed not in {AnswerKind.NEGATIVE, AnswerKind.STOP}


def is_to_be_left_alone(case: Case) -> Iterator[Refusal]:
    """Threads in which an offer hurts, places and people that asked for none."""
    place = _place(case.reply.community)
    if place in {_place(name) for name in case.settings.skip_communities.split(",")} - {""}:
        yield Refusal(
            Guardrail.SKIP_LIST,
            f"Nobody is answered in {case.reply.community}: it is on the list of communities to leave alone.",
            "An admin takes it off OVERHEARD_REPLIES__SKIP_COMMUNITIES, if its moderators agree.",
        )
    if not case.settings.skip_topics:
        return
    texts = _their_words(case)
    if any(map(asks_for_no_pitches, texts)):
        yield Refusal(
            Guardrail.SKIP_LIST,
            "The writer asks for no bots, no vendors or no pitches.",
            "Leave them alone: disqualify the lead as do not contact.",
        )
    asked_in = texts[:1] + ([post.text for post in case.thread.posts] if case.thread else [])
    trouble = Trouble.CRISIS if place in SUPPORT_COMMUNITIES else next(filter(None, map(trouble_in, asked_in)), None)
    if trouble is not None:
        yield Refusal(
            Guardrail.SKIP_LIST,
            f"This thread looks like one to leave alone: {trouble.value}.",
            "Write nothing that sells. If it is a misunderstanding, say so and set this aside."
            if trouble.may_be_misread
            else "Disqualify the lead. Nothing makes this pass.",
            may_override=trouble.may_be_misread,
        )
    elif _asks_for_support(case):
        yield Refusal(
            Guardrail.SKIP_LIST,
            "The post was read as a call for support, and not as a wish to buy.",
            "Read it again. If they do look for something, set this aside.",
            may_override=True,
        )


def _their_words(case: Case) -> list[str]:
    """What this person said, the post in question first."""
    told = [case.post.title + "\n" + case.post.body] if case.post else []
    if case.post is None or case.post.author is None:
        return told
    others = (
        sa.select(Post.title, Post.body)
        .where(Post.platform == case.post.platform, Post.author == case.post.author, Post.id != case.post.id)
        .order_by(Post.id.desc())
        .limit(_POSTS_READ)
    )
    return told + [f"{title}\n{body}" for title, body in case.session.execute(others)]


def _asks_for_support(case: Case) -> bool:
    statement = sa.select(Signal.intent).where(
        Signal.lead_id == case.reply.lead_id, Signal.post_id == case.reply.post_id
    )
    return case.session.scalar(statement) is Intent.SUPPORT


def _place(community: str) -> str:
    return community.strip().casefold().removeprefix("/").removeprefix("r/").removeprefix("#")
