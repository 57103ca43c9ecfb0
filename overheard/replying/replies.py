"""What people do with replies: write, approve, post, mark as sent. Only its writer approves a reply.

A reply's one way out is drawn in `reply_states`; what the sending worker does stands in `outbox`.
"""

import secrets
from collections.abc import Iterable
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session, joinedload

from overheard.db import upsert
from overheard.errors import InvalidInput, NotFound, Refusal, ReplyRefused, WrongStage
from overheard.leads import do_not_contact
from overheard.leads.leads import lead_by_id
from overheard.models import Answer, Campaign, ConnectedAccount, Lead, Post, Reply, Signal, Source, User
from overheard.replying import guardrails, outbox
from overheard.replying.conversations import Thread
from overheard.replying.guardrails import Guard, Guardrail, Moment, affiliation_line
from overheard.replying.guardrails.near_copies import sketch
from overheard.replying.reply_addresses import checked_address
from overheard.replying.reply_states import LIVE, OPEN, Sent, case_of, move, record_sent
from overheard.replying.reply_states import get as get  # noqa: PLC0414 - who reads a reply need not know where states are kept
from overheard.text import clean, text_hash
from overheard.vocabulary import ReplyState, Role, SendingWay, Stage

MAX_TEXT = 10_000  # what Reddit takes of a comment, the longest of the platforms we write to

MAX_LINE = 200

WRITABLE = frozenset({Stage.SALES_QUALIFIED, Stage.REPLIED, Stage.PROSPECT})


def start_draft(
    session: Session,
    lead_id: int,
    *,
    actor: User,
    guard: Guard,
    now: datetime,
    post_id: int | None = None,
    answer_id: int | None = None,
    text: str | None = None,
) -> Reply:
    """Begin a reply to a lead's post, or to what they answered; one's own open draft is given back.

    `ReplyRefused` where nobody may write to this person here, or where somebody already does. Without `text` it holds
    the line that says who writes.
    """
    lead = lead_by_id(session, lead_id)
    if lead.stage not in WRITABLE:
        raise WrongStage(f"Lead {lead_id} is {lead.stage.display}: promote it first, then write.")
    post = _post_of(session, lead, post_id)
    recipient = post.author or lead.author
    opening = affiliation_line(guard, actor, session.get(Campaign, lead.campaign_id))
    said = _checked(text if text is not None else f"\n\n{opening}")
    values = {
        "lead_id": lead_id,
        "post_id": post.id,
        "platform": post.platform,
        "community": session.get_one(Source, post.source_id).community,
        "target": _target(session, lead, post, answer_id),
        "recipient": recipient,
        "recipient_hash": do_not_contact.hash_of(guard.key, post.platform, recipient),
        "author_id": actor.id,
        "state": ReplyState.DRAFT,
        "way": SendingWay.ASSISTED,
        "text": said,
        "sketch": sketch(said),
        "key": secrets.token_hex(16),
        "created_at": now,
        "changed_at": now,
        "overrides": [],
    }
    guardrails.refuse(case_of(session, Reply(**values), guard=guard, moment=Moment.DRAFT, author=actor, now=now))
    made = session.scalar(upsert(session, Reply).values(values).on_conflict_do_nothing().returning(Reply.id))
    return get(session, made) if made is not None else _own_or_refused(session, values, actor)


def _post_of(session: Session, lead: Lead, post_id: int | None) -> Post:
    statement = sa.select(Post).join(Signal, Signal.post_id == Post.id).where(Signal.lead_id == lead.id)
    post = session.scalar(statement.where(Post.id == (post_id if post_id is not None else lead.top_post_id)))
    if post is None:
        raise NotFound(f"Lead {lead.id} has no such post to answer. It may have been deleted at the source.")
    return post


def _target(session: Session, lead: Lead, post: Post, answer_id: int | None) -> str:
    if answer_id is None:
        return post.external_id
    answer = session.scalar(
        sa.select(Answer)
        .join(Reply, Reply.id == Answer.reply_id)
        .where(Answer.id == answer_id, Reply.lead_id == lead.id)
    )
    if answer is None or answer.platform is not post.platform:
        raise NotFound(f"Lead {lead.id} has no answer {answer_id}.")
    return answer.external_id


def _own_or_refused(session: Session, values: dict[str, object], actor: User) -> Reply:
    """What stands in the way of a new draft: one's own draft to the same post is what was asked for."""
    same_post = (Reply.platform == values["platform"]) & (Reply.target == values["target"]) & Reply.state.in_(LIVE)
    same_person = (Reply.recipient_hash == values["recipient_hash"]) & Reply.state.in_(OPEN)
    other = session.scalars(
        sa.select(Reply).where(same_post | same_person).options(joinedload(Reply.author)).order_by(same_post.desc())
    ).first()
    if other is None:  # it was let go in the meantime
        raise WrongStage("Somebody else was just writing to this person. Try again.")
    if other.author_id == actor.id and other.state is ReplyState.DRAFT and other.target == values["target"]:
        return other
    who = "You have" if other.author_id == actor.id else f"{other.author.name} has"
    did = "answered this post already" if other.state is ReplyState.SENT else "a reply to this person under way"
    remedy = (
        "A post is answered once. Write under what they say next."
        if other.state is ReplyState.SENT
        else "Finish or discard that one first: it is shown on its lead."
    )
    raise ReplyRefused([Refusal(Guardrail.CONTACT_ONCE, f"{who} {did}.", remedy)])


def edit_draft(session: Session, reply_id: int, *, text: str, actor: User, now: datetime) -> Reply:
    """Change a draft's words."""
    reply = _own(session, reply_id, actor)
    said = _checked(text)
    return move(session, reply, {ReplyState.DRAFT}, ReplyState.DRAFT, text=said, sketch=sketch(said), changed_at=now)


def approve(
    session: Session,
    reply_id: int,
    *,
    actor: User,
    guard: Guard,
    now: datetime,
    text: str | None = None,
    account_id: int | None = None,
    overrides: Iterable[str] = (),
    thread: Thread | None = None,
) -> Reply:
    """The writer says: this goes out, as it stands. Without an account the writer posts it there themselves.

    `ReplyRefused` names each guardrail in the way; `overrides` are those that the writer sets aside.
    """
    reply = _own(session, reply_id, actor)
    if reply.author_id != actor.id:
        raise WrongStage(f"Reply {reply_id} was written by {reply.author.name}, and only they can approve it.")
    if text is not None:
        reply = edit_draft(session, reply_id, text=text, actor=actor, now=now)
    if account_id is not None:
        _check_account(session, reply, account_id, actor)
    aside = sorted(set(overrides) & set(Guardrail))
    case = case_of(
        session,
        reply,
        guard=guard,
        moment=Moment.APPROVE,
        author=actor,
        thread=thread,
        account_id=account_id,
        now=now,
    )
    guardrails.refuse(case, overrides=aside)
    return move(
        session,
        reply,
        {ReplyState.DRAFT},
        ReplyState.APPROVED,
        way=SendingWay.ASSISTED if account_id is None else SendingWay.DIRECT,
        account_id=account_id,
        overrides=aside,
        approved_at=now,
        approved_text_hash=text_hash("", reply.text),
        target_hash=case.post.text_hash if case.post else None,
    )


def _check_account(session: Session, reply: Reply, account_id: int, actor: User) -> None:
    account = session.get(ConnectedAccount, account_id)
    if account is None or account.user_id != actor.id or account.platform is not reply.platform:
        raise NotFound(f"You have no connected account {account_id} at {reply.platform.display}.")
    if account.paused_at is not None:
        raise WrongStage(
            f"The account {account.name} is paused: {account.paused_because} Look into it, then let it go on."
        )


def take_back(session: Session, reply_id: int, *, actor: User, now: datetime) -> Reply:
    """Approved, and not gone out yet: make it a draft again."""
    reply = _own(session, reply_id, actor)
    return move(session, reply, {ReplyState.APPROVED}, ReplyState.DRAFT, approved_at=None, changed_at=now)


def discard(session: Session, reply_id: int, *, actor: User, now: datetime) -> Reply:
    """Let a reply that has not gone out be none."""
    reply = _own(session, reply_id, actor)
    return move(session, reply, {ReplyState.DRAFT, ReplyState.APPROVED}, ReplyState.DISCARDED, changed_at=now)


def mark_sent(session: Session, reply_id: int, *, permalink: str, actor: User, now: datetime) -> Reply:
    """The writer posted it there themselves; its address is the proof. `InvalidInput` says what is wrong."""
    reply = _own(session, reply_id, actor)
    address = checked_address(reply, session.get(Post, reply.post_id) if reply.post_id else None, permalink)
    if session.scalar(sa.select(Reply.id).where(Reply.permalink == address.permalink, Reply.id != reply_id).limit(1)):
        raise InvalidInput("This address is that of another reply of ours. Paste the address of the one just posted.")
    if reply.way is not SendingWay.ASSISTED:
        raise WrongStage(f"Reply {reply_id} is sent by its account, and not by hand.")
    return record_sent(session, reply, {ReplyState.APPROVED}, Sent(address.remote_id, address.permalink), now=now)


def reconcile_by_hand(session: Session, reply_id: int, *, permalink: str | None, actor: User, now: datetime) -> Reply:
    """The writer looked themselves: here it stands, or (without an address) it does not."""
    reply = _own(session, reply_id, actor)
    if not permalink:
        return outbox.reconcile(session, reply_id, None, now=now)
    address = checked_address(reply, session.get(Post, reply.post_id) if reply.post_id else None, permalink)
    return outbox.reconcile(session, reply_id, Sent(address.remote_id, address.permalink), now=now)


def change_line(session: Session, user_id: int, line: str) -> None:
    """The sentence by which an SDR says for whom they work; empty: the one of the settings."""
    said = " ".join(clean(line).split())
    if len(said) > MAX_LINE:
        raise InvalidInput(f"The line has at most {MAX_LINE} characters; this one has {len(said)}.")
    session.get_one(User, user_id).affiliation = said or None
    session.flush()


def _own(session: Session, reply_id: int, actor: User) -> Reply:
    """A reply of the actor's; an admin may see to everybody's, but approves none in another's name."""
    reply = get(session, reply_id)
    if reply.author_id != actor.id and actor.role is not Role.ADMIN:
        raise WrongStage(f"Reply {reply_id} is {reply.author.name}'s. Ask them, or an admin, to finish or discard it.")
    return reply


def _checked(text: str) -> str:
    said = clean(text).replace("\r\n", "\n")
    if len(said) > MAX_TEXT:
        raise InvalidInput(f"A reply has at most {MAX_TEXT:,} characters; this one has {len(said):,}.")
    return said
