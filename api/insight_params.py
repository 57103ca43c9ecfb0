"""What an address of `/insights` asks for; pages and `/v1` read it the same way."""

from datetime import date, datetime
from typing import Annotated
from urllib.parse import urlencode

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from api.deps import MAX_ID
from api.filters import none_if_empty
from overheard.errors import InvalidInput
from overheard.measuring.cohorts import Asked, Period, last_weeks
from overheard.text import clean
from overheard.vocabulary import Platform

_Empty = BeforeValidator(none_if_empty)
_MOST_DAYS = 371  # a year, in whole weeks


class InsightParams(BaseModel):
    """The filters in an address."""

    model_config = ConfigDict(extra="forbid")

    campaign: Annotated[int | None, _Empty] = Field(None, ge=1, le=MAX_ID, description="Id; default: all campaigns.")
    platform: Annotated[Platform | None, _Empty] = Field(None, description="Platform; default: all.")
    community: Annotated[str | None, AfterValidator(lambda said: clean(said) if said else said), _Empty] = Field(
        None, max_length=200, description="Community, as it is called here; default: all."
    )
    first: Annotated[date | None, _Empty] = Field(
        None, alias="from", ge=date(2000, 1, 1), le=date(2999, 1, 1), description="First day; default: 8 weeks ago."
    )
    last: Annotated[date | None, _Empty] = Field(
        None, alias="to", ge=date(2000, 1, 1), le=date(2999, 1, 1), description="Last day; default: today."
    )

    def asked(self, now: datetime) -> Asked:
        """As the ground floor takes it; `InvalidInput` when the days make no period."""
        last = self.last or now.date()
        first = self.first or last_weeks(now).first - (now.date() - last)
        days = (last - first).days + 1
        if not 1 <= days <= _MOST_DAYS:
            raise InvalidInput(f"Ask for 1 to {_MOST_DAYS} days: from {first} to {last} are {days}.")
        return Asked(Period(first, last), self.campaign, self.platform, self.community)

    @property
    def params(self) -> str:
        """What stands behind the question mark, for the same again."""
        kept = self.model_dump(mode="json", exclude_none=True, by_alias=True)
        return f"?{urlencode(kept)}" if kept else ""
