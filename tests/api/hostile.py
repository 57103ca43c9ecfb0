"""Texts that try to be more than text, and a database in which they stand in every field that somebody fills."""

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.errors import InvalidQuery
from overheard.models import (
    Answer,
    Campaign,
    ConnectedAccount,
    Contact,
    Lead,
    LeadEvent,
    LeadTag,
    Query,
    Reply,
    SavedView,
    Snippet,
    Source,
    User,
)
from overheard.notifications import notices
from overheard.query_language import read
from overheard.users import accounts, audit
from overheard.vocabulary import (
    AnswerKind,
    AuditAction,
    ContactKind,
    LeadAction,
    NoticeKind,
    Platform,
    ReplyState,
    SendingWay,
    Stage,
)
from tests.factories import make_campaign, make_lead, new_post

# What "xsscanary" names must never be an element, nor an attribute.
HOSTILE = [
    "<script>window.xsscanary=1</script>",
    "<SCRIPT SRC=//evil.example/x.js></SCRIPT>",
    "</script><script>window.xsscanary=1</script>",
    "<img src=x onerror=window.xsscanary=1>",
    "<svg onload=window.xsscanary=1>",
    "<svg><script>window.xsscanary=1</script></svg>",
    "<xsscanary>",
    '"><xsscanary x="',
    "'><xsscanary x='",
    '" onmouseover="window.xsscanary=1" xsscanary="',
    "' onfocus='window.xsscanary=1' autofocus xsscanary='",
    " onclick=window.xsscanary=1 xsscanary=1 ",
    "`onclick=window.xsscanary=1`",
    "javascript:window.xsscanary=1",
    "JaVaScRiPt:window.xsscanary=1",
    "\tjavascript:window.xsscanary=1",
    "java\nscript:window.xsscanary=1",
    "data:text/html,<script>window.xsscanary=1</script>",
    "vbscript:xsscanary",
    "//evil.example/xsscanary",
    "https://evil.example/\"onmouseover='xsscanary'",
    "<a href=javascript:window.xsscanary=1>x</a>",
    "<iframe srcdoc='<script>parent.xsscanary=1</script>'></iframe>",
    "<object data=javascript:window.xsscanary=1>",
    "<base href=//evil.example/>",
    "<meta http-equiv=refresh content=0;url=//evil.example>",
    "<form action=//evil.example><button>xsscanary",
    "<style>@import'//evil.example/xsscanary'</style>",
    "<!--<xsscanary>-->",
    "--><xsscanary>",
    "]]><xsscanary>",
    "</title><xsscanary>",
    "</textarea><xsscanary>",
    "</option></select><xsscanary>",
    "<template><xsscanary></template>",
    "<noscript><p title='</noscript><xsscanary>'>",
    "<math><mtext></p><xsscanary>",
    "{{ 7 * 7 }}{% raw %}xsscanary",
    "${7*7}#{xsscanary}",
    "&lt;xsscanary&gt;&#60;xsscanary&#62;",
    "%3Cxsscanary%3E",
    "\u202e>yranacssx<\u202c",
    "\ufeff<\u200bxsscanary>",
    "\u0131<\u017fcript>window.xsscanary=1</\u017fcript>",
    "\uff1cxsscanary\uff1e",
    "<\u0300xsscanary>",
    "<x" * 300 + "sscanary>",
    "a" * 5000 + "<xsscanary>",
]


def fill(session: Session, user: User, texts: list[str], *, now: datetime) -> list[int]:
    """Each text in every field; the ids of the leads."""
    campaign = make_campaign(session, now=now, name="Everything", queries={"everything": "*"})
    leads = [_lead(session, campaign, number, text, now=now) for number, text in enumerate(texts)]
    for number, (lead, text) in enumerate(zip(leads, texts, strict=True)):
        session.add_all(_rows(user, lead, number, text, now=now))
        session.flush()
        accounts.make_token(session, user, name=text, now=now)
        accounts.start_login(session, user, lifetime=timedelta(days=1), now=now, user_agent=text)
        notices.notify(session, user.id, NoticeKind.ASSIGNED, text, text, now)
        audit.record(session, user, AuditAction.EXPORTED, text, text, now=now)
    _name_things(session, campaign, user, texts, now=now)
    return [lead.id for lead in leads]


def _lead(session: Session, campaign: Campaign, number: int, text: str, *, now: datetime) -> Lead:
    post = new_post(
        external_id=f"t3_h{number}",
        title=text[:900],
        body=f"{text} CRM {text}",
        author=f"h{number} {text[:200]}",
        community=f"r/{text[:200]}",
        permalink=text[:300],
    )
    told = {"need": ["body", 0, 30], "signals": [["competitor", "title", 0, 20], ["budget", "body", 5, 40]]}
    return make_lead(session, now=now, campaign=campaign, post=post, explanation=told)


def _rows(user: User, lead: Lead, number: int, text: str, *, now: datetime) -> list[object]:
    lead.decision_maker = text
    event = {"lead_id": lead.id, "to_stage": Stage.MARKETING_QUALIFIED, "at": now, "actor_id": user.id}
    reply = Reply(
        lead_id=lead.id,
        post_id=lead.top_post_id,
        platform=Platform.REDDIT,
        community=text,
        target=f"t3_h{number}",
        recipient=text,
        recipient_hash=f"{number}",
        author_id=user.id,
        state=ReplyState.FAILED if number % 2 else ReplyState.SENT,
        way=SendingWay.ASSISTED,
        text=text,
        sketch=b"",
        key=f"{number}",
        created_at=now,
        changed_at=now,
        overrides=[],
        sent_at=None if number % 2 else now,
        permalink=text,
        error=text,
    )
    return [
        LeadEvent(action=LeadAction.NOTE, note=text, **event),
        LeadTag(lead_id=lead.id, tag=text[:300]),
        Contact(lead_id=lead.id, kind=ContactKind.SITE, value=text, finding=text),
        SavedView(user_id=user.id, name=f"{number} {text}", params=text, is_shared=True),
        Snippet(user_id=user.id, name=text, text=text, objection=text if number % 2 else None, changed_at=now),
        reply,
    ]


def _name_things(session: Session, campaign: Campaign, user: User, texts: list[str], *, now: datetime) -> None:
    for number, reply in enumerate(session.scalars(sa.select(Reply).order_by(Reply.id)).all()):
        text = texts[number]
        heard = {
            "author": text,
            "text": text,
            "permalink": text,
            "proposed": AnswerKind.QUESTION,
            "proposed_score": 0.7,
        }
        told = Answer(
            reply_id=reply.id,
            platform=Platform.REDDIT,
            external_id=f"t1_h{number}",
            is_recipient=True,
            posted_at=now,
            collected_at=now,
            **heard,
        )
        account = {"platform": Platform.MASTODON, "address": text, "name": f"{number} {text}", "sealed": b"x"}
        session.add_all([told, ConnectedAccount(user_id=user.id, connected_at=now, paused_because=text, **account)])
        other = make_campaign(session, now=now, name=f"{number} c", queries={f"q{number}": f"zz{number}"})
        other.name, other.offer = f"{number} {text}"[:200], f"{text} offer"
        session.execute(sa.update(Query).where(Query.campaign_id == other.id).values(name=text))
        expression = text if _can_be_read(text) else '"<xsscanary" -"onerror=1>"'
        session.execute(sa.update(Query).where(Query.campaign_id == other.id).values(expression=expression))
    campaign.name = texts[0]
    session.execute(sa.update(Source).values(last_error=texts[1]))
    for text, colleague in zip(texts, session.scalars(sa.select(User).where(User.id != user.id)).all(), strict=False):
        colleague.name, colleague.email = text, f"{text}@example.org"
    user.name = texts[7]
    session.flush()


def _can_be_read(expression: str) -> bool:
    try:
        read(expression)
    except InvalidQuery:
        return False
    return True
