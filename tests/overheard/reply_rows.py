"""Replies for tests: an SDR, a promoted lead, and guardrails that let an invented reply through."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from overheard.errors import Refusal
from overheard.leads import funnel
from overheard.listening.posts import NewPost
from overheard.listening.terms import ReplyWay, Terms
from overheard.models import ConnectedAccount, Lead, Post, Reply, Source, User
from overheard.replying import guardrails, replies
from overheard.replying.conversations import Thread
from overheard.replying.guardrails import Guard, Moment
from overheard.replying.reply_states import case_of
from overheard.settings import ReplySettings
from overheard.vocabulary import Platform, Stage
from tests.factories import make_lead, new_post

KEY = "a key of the tests"
LINE = "I work on Rye CRM."
ANSWER = f"Two bakeries I know keep their customers in a shared sheet and never looked back. {LINE}"


def guard(**changed: Any) -> Guard:  # noqa: ANN401 - settings of any kind
    """The guardrails as they ship, but for what is changed."""
    return Guard(ReplySettings(**changed), KEY)


def asked(at: datetime, *, number: int = 1, **said: Any) -> NewPost:  # noqa: ANN401 - a post's fields
    """A post at Reddit, an hour old."""
    address = f"https://www.reddit.com/r/bakers/comments/ask{number}/"
    told = {"external_id": f"t3_ask{number}", "author": f"baker{number}", "permalink": address}
    return new_post(**{**told, "posted_at": at - timedelta(hours=1), **said})


def promoted(session: Session, actor: User, *, now: datetime, number: int = 1, **said: Any) -> Lead:  # noqa: ANN401
    """A lead that is worth an answer."""
    lead = make_lead(session, now=now, post=asked(now, number=number, **said), score=0.9 + number / 1000)
    if lead.stage is Stage.MARKETING_QUALIFIED:  # and not one whom we know from another post
        funnel.promote(session, lead.id, actor=actor, now=now)
    return lead


def drafted(
    session: Session,
    actor: User,
    *,
    now: datetime,
    text: str = ANSWER,
    number: int = 1,
    **said: Any,  # noqa: ANN401
) -> Reply:
    """A draft to a new lead."""
    lead = promoted(session, actor, now=now, number=number, **said)
    return replies.start_draft(session, lead.id, actor=actor, guard=guard(), now=now, text=text)


def sent(
    session: Session,
    actor: User,
    *,
    now: datetime,
    text: str = ANSWER,
    number: int = 1,
    **said: Any,  # noqa: ANN401
) -> Reply:
    """A reply that its writer has posted, `now`."""
    lenient = guard(near_copy=0, day_cap=0, community_cap=0, pause_minutes=0, fresh_hours=0, contact_days=0)
    lead = promoted(session, actor, now=now, number=number, **said)
    draft = replies.start_draft(session, lead.id, actor=actor, guard=lenient, now=now, text=text)
    replies.approve(session, draft.id, actor=actor, guard=lenient, now=now)
    address = f"https://www.reddit.com/r/bakers/comments/ask{number}/which_crm/reply{number}/"
    return replies.mark_sent(session, draft.id, permalink=address, actor=actor, now=now)


def connected(session: Session, user: User, *, now: datetime, days: int = 100) -> ConnectedAccount:
    """An account at Reddit that a user connected some days ago."""
    account = ConnectedAccount(
        user_id=user.id,
        platform=Platform.REDDIT,
        address="https://www.reddit.com",
        name=f"rye_{user.name.lower()}",
        sealed=b"",
        connected_at=now - timedelta(days=days),
    )
    session.add(account)
    session.flush()
    return account


def approved_to_send(
    session: Session,
    actor: User,
    *,
    now: datetime,
    account: ConnectedAccount | None = None,
    **said: Any,  # noqa: ANN401
) -> Reply:
    """A reply that waits for the worker."""
    account = account or connected(session, actor, now=now)
    draft = drafted(session, actor, now=now, **said)
    source = session.get_one(Source, session.get_one(Post, draft.post_id).source_id)
    source.terms = Terms(permission="None.", can_reply=ReplyWay.API).as_json()
    loose = guard(near_copy=0)
    return replies.approve(session, draft.id, actor=actor, guard=loose, now=now, account_id=account.id)


def told(
    session: Session,
    reply: Reply,
    *,
    now: datetime,
    moment: Moment = Moment.APPROVE,
    thread: Thread | None = None,
    account: ConnectedAccount | None = None,
    **settings: Any,  # noqa: ANN401 - settings of any kind
) -> dict[str, Refusal]:
    """What the guardrails say of a reply, by their names."""
    case = case_of(
        session,
        reply,
        guard=guard(**settings),
        moment=moment,
        author=session.get_one(User, reply.author_id),
        thread=thread,
        account_id=account.id if account else None,
        now=now,
    )
    return {refusal.guardrail: refusal for refusal in guardrails.inspect(case)}
