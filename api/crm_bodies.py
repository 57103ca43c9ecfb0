"""What `/v1` takes and gives about CRM connections, and how their log is said to a person."""

from datetime import datetime
from typing import Self

from pydantic import BaseModel, Field

from api.bodies import Body
from api.deps import MAX_ID, Text
from overheard.crm import connections
from overheard.crm.connections import Access
from overheard.models import CrmConnection, CrmEntry
from overheard.notifications.outbound_vocabulary import CrmDeed, CrmPlatform
from overheard.vocabulary import Stage

DEEDS = {
    CrmDeed.PUSHED: "pushed",
    CrmDeed.REFUSED: "did not arrive",
    CrmDeed.MOVED: "followed the CRM",
    CrmDeed.KEPT: "stayed, though the CRM moved it",
    CrmDeed.GONE: "was deleted there",
    CrmDeed.ERASED: "was taken back",
}


class CrmAccess(Body):
    """What opens a CRM. It is not given out again."""

    address: Text = Field("", max_length=500, description="Of your CRM; HubSpot needs none.")
    token: Text = Field(min_length=1, max_length=500, description="Salesforce: the secret of your app.")
    client_id: Text = Field("", max_length=500, description="Salesforce: the consumer key of your app.")

    def of(self, platform: CrmPlatform) -> Access:
        """As the connections take it."""
        return Access(platform, self.address, self.token, self.client_id)


class CrmWishes(Body):
    """What is pushed, from which stage on, and how stages are mapped."""

    name: Text = Field(min_length=1, max_length=connections.MAX_NAME)
    push_from: Stage = Field(Stage.SALES_QUALIFIED, description="From which stage on leads are pushed.")
    campaign_id: int | None = Field(None, ge=1, le=MAX_ID, description="Of one campaign; null: of all.")
    with_text: bool = Field(False, description="Whether texts go along where their source's terms allow it.")
    with_notes: bool = Field(False, description="Whether your people's notes go along.")
    with_contact: bool = Field(False, description="Whether a contact is made of who wrote the post.")
    stages_out: dict[Stage, Text] | None = Field(
        None, description="Our stage: the CRM's stage that a lead of it is given. Null leaves what there is."
    )
    stages_in: dict[Text, Stage] | None = Field(
        None, description="A stage of the CRM: replied, prospect, won or lost here. Null leaves what there is."
    )

    @property
    def wanted(self) -> connections.Wanted:
        """As the connections take it."""
        return connections.Wanted(**{name: getattr(self, name) for name in CrmWishes.model_fields})


class NewCrm(CrmWishes):
    """A CRM to push leads to. Its token is tried at once."""

    platform: CrmPlatform
    access: CrmAccess


class CrmStageBody(BaseModel):
    """A stage of the CRM."""

    id: str
    name: str
    kind: str = Field(description="`open`, `won` or `lost`.")


class CrmBody(BaseModel):
    """A CRM connection. What opens it is not given out."""

    id: int
    platform: CrmPlatform
    name: str
    address: str
    push_from: Stage
    campaign_id: int | None
    with_text: bool
    with_notes: bool
    with_contact: bool
    stages: list[CrmStageBody]
    stages_out: dict[Stage, str]
    stages_in: dict[str, Stage]
    paused_at: datetime | None
    failing_since: datetime | None
    last_error: str | None
    polled_at: datetime | None = Field(description="When it was last asked what has moved.")

    @classmethod
    def of(cls, connection: CrmConnection) -> Self:
        """From the row."""
        stages = [
            CrmStageBody(id=one.id, name=one.name, kind=one.kind) for one in connections.remote_stages(connection)
        ]
        kept = {name: getattr(connection, name) for name in cls.model_fields if name != "stages"}
        return cls(**kept, stages=stages)


class CrmEntryBody(BaseModel):
    """One thing that happened between us and a CRM."""

    id: int
    connection_id: int
    lead_id: int | None
    deed: CrmDeed
    told: str | None
    at: datetime

    @classmethod
    def of(cls, entry: CrmEntry) -> Self:
        """From the row."""
        return cls(**{name: getattr(entry, name) for name in cls.model_fields})
