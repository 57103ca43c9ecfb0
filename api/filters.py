"""Which leads somebody asks for, as the address says it; pages and `/v1` read it the same way."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Annotated
from urllib.parse import parse_qsl, urlencode

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from api.deps import MAX_ID
from overheard.desk.review_queue import Filters, FoundBy, Onlooker, Place
from overheard.models import User
from overheard.text import clean
from overheard.vocabulary import Intent, Platform, Stage

ME, NOBODY = "me", "nobody"


def none_if_empty(value: object) -> object:
    """A form sends a field that was left alone as an empty text."""
    return None if value == "" else value


_Empty = BeforeValidator(none_if_empty)


def _is_id(word: str) -> str:
    if word not in (ME, NOBODY) and not 1 <= int(word) <= MAX_ID:
        raise ValueError("This is nobody's id.")
    return word


class QueueParams(BaseModel):
    """The filters and the place in an address."""

    model_config = ConfigDict(extra="forbid")

    stage: Annotated[Stage | None, _Empty] = Field(
        None, description="Where the leads stand; default: marketing_qualified, those that wait for a decision."
    )
    campaign: Annotated[int | None, _Empty] = Field(
        None, ge=1, le=MAX_ID, description="Id of a campaign; default: all."
    )
    platform: Annotated[Platform | None, _Empty] = Field(None, description="Platform; default: all.")
    community: Annotated[str | None, AfterValidator(lambda said: clean(said) if said else said), _Empty] = Field(
        None, max_length=200, description="Community, as it is called here; default: all."
    )
    intent: Annotated[Intent | None, _Empty] = Field(None, description="Intent; default: all.")
    score: Annotated[float | None, _Empty] = Field(
        None, ge=0, le=1, allow_inf_nan=False, description="The least score."
    )
    age: Annotated[int | None, _Empty] = Field(
        None, ge=0, le=3650, description="The most days since the newest post; 0: today's."
    )
    language: Annotated[str | None, _Empty] = Field(
        None, pattern="^[a-z]{2,3}$", description="Language of the post, as its ISO 639 code."
    )
    assigned: Annotated[str | None, AfterValidator(lambda word: _is_id(word) if word else word), _Empty] = Field(
        None, pattern=f"^({ME}|{NOBODY}|[0-9]{{1,10}})$", description="Whose: `me`, `nobody`, or a user's id."
    )
    relevance: Annotated[FoundBy | None, _Empty] = Field(
        None, description="What brought the post in: a `query`, or its `meaning` alone."
    )
    snoozed: Annotated[bool | None, _Empty] = Field(
        None, description="True: those that wait for their time, and no others."
    )
    after: Annotated[str | None, _Empty] = Field(
        None, max_length=200, description="The `next` of the page before; default: the first page."
    )

    def filters(self, viewer: User, now: datetime) -> Filters:
        """As the queue understands them, for somebody who looks at it now."""
        by_id = self.assigned not in (None, ME, NOBODY)
        return Filters(
            stage=self.stage or Stage.MARKETING_QUALIFIED,
            campaign_id=self.campaign,
            platform=self.platform,
            community=self.community,
            intent=self.intent,
            min_score=self.score,
            since=None if self.age is None else (now - timedelta(days=self.age)).date(),
            language=self.language,
            assignee_id=viewer.id if self.assigned == ME else int(self.assigned or 0) if by_id else None,
            is_unassigned=self.assigned == NOBODY,
            found_by=self.relevance,
            is_snoozed=bool(self.snoozed),
            onlooker=Onlooker(viewer.id, now),
        )

    def everybodys_filters(self, viewer: User, now: datetime) -> Filters:
        """The same for what leaves: with what a colleague looks at just now, and with what is snoozed."""
        filters = self.filters(viewer, now)
        return filters if filters.is_snoozed else replace(filters, onlooker=None)

    @property
    def place(self) -> Place | None:
        """Where the page begins; `InvalidInput` when the marker is damaged."""
        return Place.decode(self.after) if self.after else None

    @property
    def narrowed_by(self) -> int:
        """How many filters but the stage are set."""
        kept = self.model_dump(exclude={"stage", "after", "snoozed"}, exclude_none=True)
        return len(kept)

    @property
    def params(self) -> str:
        """The filters as an address holds them behind the question mark, without the page."""
        return self.address().partition("?")[2]

    def address(self, *, after: Place | None = None, stage: Stage | None = None, snoozed: bool | None = None) -> str:
        """The address of another page of the queue under the same filters."""
        kept = self.model_dump(mode="json", exclude={"after", "snoozed"}, exclude_none=True)
        if self.snoozed if snoozed is None else snoozed:
            kept["snoozed"] = "true"
        kept |= {"stage": stage.value} if stage else {}
        kept |= {"after": after.encode()} if after else {}
        return "/queue" + (f"?{urlencode(kept)}" if kept else "")


def read_params(params: str) -> QueueParams | None:
    """Filters that were kept; None where they are of another time and nobody understands them any more."""
    try:
        return QueueParams.model_validate(dict(parse_qsl(params)))
    except ValidationError:
        return None
