"""What may be done with the posts of a source: said by its collector, kept with the source, shown on the pages."""

from dataclasses import asdict, dataclass, fields
from datetime import timedelta
from enum import StrEnum
from typing import Self

from overheard.models import Source


class Recheck(StrEnum):
    """Which stored posts a collector can ask for again, to learn of edits and deletions it was not told of."""

    NONE = "none"
    LEADS = "leads"
    ALL = "all"


class ReplyWay(StrEnum):
    """How an answer can get to the author."""

    API = "api"
    """Through the platform's API, by a person's word."""
    ASSISTED = "assisted"
    """In the person's own browser: the draft is copied, the permalink opened."""
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Terms:
    """One way of taking posts in, and what it allows."""

    permission: str
    """What the operator needs, in a sentence."""
    must_confirm: bool = False
    """Whether a person has to say that they have it, before anything is read."""
    retention_hours: int | None = None
    """How long a post that is not a lead is kept; none: as long as the operator likes. Where nothing can be
    re-checked, leads go too."""
    recheck: Recheck = Recheck.NONE
    recheck_hours: int = 24
    """How old our last look at a lead's post may get. Other posts are asked for the more seldom, the older they are."""
    can_reply: ReplyWay = ReplyWay.ASSISTED
    may_train: bool = False
    """Whether its texts may train a model without further permission."""

    def as_json(self) -> dict[str, str | int | bool | None]:
        """The form in which a source keeps them."""
        return asdict(self)

    @classmethod
    def of(cls, source: Source) -> Self | None:
        """The terms kept with a source; None for one that only files have filled."""
        if source.terms is None:
            return None
        known = {field.name for field in fields(cls)}  # a newer version may have said more
        told = {name: value for name, value in source.terms.items() if name in known}
        return cls(**{**told, "recheck": Recheck(told["recheck"]), "can_reply": ReplyWay(told["can_reply"])})  # type: ignore[arg-type]


BY_HAND = Terms(
    permission="None: you hand over what you were reading yourself.",
    can_reply=ReplyWay.ASSISTED,
)
BY_HAND_REDDIT = Terms(
    permission="None for reading, as you hand over what you were reading. Reddit wants deleted posts to be deleted "
    "here too, and what is pasted cannot be asked for again: so it is kept for 48 hours.",
    retention_hours=48,
    can_reply=ReplyWay.ASSISTED,
)


def retention(source: Source) -> timedelta | None:
    """How long a post of this source is kept: the operator's word, but never longer than the terms allow."""
    terms = Terms.of(source)
    hours = [h for h in (source.retention_hours, terms.retention_hours if terms else None) if h is not None]
    return timedelta(hours=min(hours)) if hours else None


def may_train(source: Source) -> bool:
    """Whether a model may learn from its posts: the operator's word, else the terms.

    Of what came in by a file alone there are no terms: it is the operator's own until they say otherwise.
    """
    if source.may_train is not None:
        return source.may_train
    terms = Terms.of(source)
    return terms is None or terms.may_train


def may_pass_on(source: Source) -> bool:
    """Whether a post's text may leave by an alert, a webhook, a feed or an export, and not only its need and address.

    Not where it must be gone after a time, as a copy elsewhere is out of our reach, nor from places that ask for
    permission first, nor from files, of which nobody said what is allowed.
    """
    terms = Terms.of(source)
    return terms is not None and terms.retention_hours is None and not terms.must_confirm
