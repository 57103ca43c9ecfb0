"""What a guardrail looks at: one reply, at one moment of its way."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy.orm import Session

from overheard.errors import Refusal
from overheard.models import Campaign, Post, Reply, Source, User
from overheard.replying.conversations import Thread
from overheard.settings import ReplySettings


class Guardrail(StrEnum):
    """What may speak against a reply. A refusal carries the word, and a person who sets one aside names it."""

    STOP = "stop"
    DO_NOT_CONTACT = "do_not_contact"
    CONTACT_ONCE = "contact_once"
    TARGET = "target"
    SKIP_LIST = "skip_list"
    COMMUNITY_RULES = "community_rules"
    REMOVED_THERE = "removed_there"
    FRESHNESS = "freshness"
    DAY_CAP = "day_cap"
    COMMUNITY_CAP = "community_cap"
    PAUSE = "pause"
    PLACEHOLDERS = "placeholders"
    AFFILIATION = "affiliation"
    LINKS = "links"
    NEAR_COPY = "near_copy"
    PROMOTION = "promotion"


class Moment(StrEnum):
    """Where on its way a reply is looked at."""

    DRAFT = "draft"
    """May anybody write to this person here at all?"""
    APPROVE = "approve"
    """May this text go out?"""
    SEND = "send"
    """May it still go out now?"""


@dataclass(frozen=True, slots=True)
class Guard:
    """The settings of the guardrails, and the key of the do-not-contact list."""

    settings: ReplySettings
    key: str


@dataclass(frozen=True, slots=True)
class Case:
    """One reply, and what is known about where it goes."""

    session: Session
    guard: Guard
    moment: Moment
    reply: Reply
    author: User
    account_id: int | None
    """The account that is to send it; none: its writer posts it there."""
    post: Post | None
    source: Source | None
    campaign: Campaign | None
    thread: Thread | None
    """As it stands at its platform now; none: it could not be asked for."""
    now: datetime

    @property
    def settings(self) -> ReplySettings:
        """The guardrails' settings."""
        return self.guard.settings


Check = Callable[[Case], Iterator[Refusal]]


def affiliation_line(guard: Guard, author: User, campaign: Campaign | None) -> str:
    """The sentence by which a reply says who writes it; empty where none is asked for."""
    line = guard.settings.affiliation and (author.affiliation or guard.settings.affiliation)
    return line.replace("{campaign}", campaign.name if campaign else "what we make").strip()
