"""Which leads somebody asks for, as the address says it; pages and `/v1` read it the same way."""

from typing import Annotated
from urllib.parse import urlencode

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from api.deps import MAX_ID
from overheard.review_queue import Filters, Place
from overheard.vocabulary import Intent, Platform, Stage


def _none_if_empty(value: object) -> object:
    """A form sends a field that was left alone as an empty text."""
    return None if value == "" else value


class QueueParams(BaseModel):
    """The filters and the place in an address."""

    model_config = ConfigDict(extra="forbid")

    stage: Annotated[Stage | None, BeforeValidator(_none_if_empty)] = Field(
        None, description="Where the leads stand; default: marketing_qualified, those that wait for a decision."
    )
    campaign: Annotated[int | None, BeforeValidator(_none_if_empty)] = Field(
        None, ge=1, le=MAX_ID, description="Id of a campaign; default: all."
    )
    platform: Annotated[Platform | None, BeforeValidator(_none_if_empty)] = Field(
        None, description="Platform; default: all."
    )
    intent: Annotated[Intent | None, BeforeValidator(_none_if_empty)] = Field(None, description="Intent; default: all.")
    score: Annotated[float | None, BeforeValidator(_none_if_empty)] = Field(
        None, ge=0, le=1, allow_inf_nan=False, description="The least score."
    )
    after: Annotated[str | None, BeforeValidator(_none_if_empty)] = Field(
        None, max_length=200, description="The `next` of the page before; default: the first page."
    )

    @property
    def filters(self) -> Filters:
        """As the queue understands them."""
        return Filters(
            stage=self.stage or Stage.MARKETING_QUALIFIED,
            campaign_id=self.campaign,
            platform=self.platform,
            intent=self.intent,
            min_score=self.score,
        )

    @property
    def place(self) -> Place | None:
        """Where the page begins; `InvalidInput` when the marker is damaged."""
        return Place.decode(self.after) if self.after else None

    @property
    def is_narrowed(self) -> bool:
        """Whether any filter but the stage is set."""
        return any(value is not None for value in (self.campaign, self.platform, self.intent, self.score))

    def address(self, *, after: Place | None = None, stage: Stage | None = None) -> str:
        """The address of another page of the queue under the same filters."""
        kept = self.model_dump(mode="json", exclude={"after"}, exclude_none=True)
        kept |= {"stage": stage.value} if stage else {}
        kept |= {"after": after.encode()} if after else {}
        return "/queue" + (f"?{urlencode(kept)}" if kept else "")
