"""What `/v1` says about model versions, the shadow and drift."""

from datetime import date, datetime
from typing import Self

from pydantic import BaseModel, Field

from overheard.modelling.differences import Difference, Differences, Word
from overheard.modelling.drift import Drift, PlaceDrift, Week
from overheard.modelling.figures import figures
from overheard.modelling.vocabulary import ModelState
from overheard.models import ModelVersion
from overheard.vocabulary import Intent, Platform


class ModelBody(BaseModel):
    """A version of the model."""

    id: int
    name: str = Field(description="Predictions carry it as their `model_version`.")
    state: ModelState
    campaign_id: int | None = Field(description="Whose own head it is; null: it judges for all campaigns.")
    parent: str | None
    dataset_id: int | None
    created_at: datetime
    threshold: float = Field(description="For campaigns that set none.")
    activated_at: datetime | None
    shadow_since: datetime | None
    figures: dict[str, str] = Field(description="Its report, as words.")

    @classmethod
    def of(cls, version: ModelVersion) -> Self:
        """From the row."""
        kept = {name: getattr(version, name) for name in cls.model_fields if name != "figures"}
        return cls(**kept, figures=dict(figures(version.report)))


class OwnHeadBody(BaseModel):
    """Who judges for a campaign."""

    campaign_id: int
    head: ModelBody | None = Field(description="Its own head; null: the shared one.")


class WordBody(BaseModel):
    """What one version says about a post."""

    score: float
    intent: Intent
    shows: bool = Field(description="Whether some campaign's queue would show the post for it.")

    @classmethod
    def of(cls, word: Word) -> Self:
        """As it was read."""
        return cls(score=word.score, intent=word.intent, shows=word.shows)


class DifferenceBody(BaseModel):
    """One post, by both versions."""

    post_id: int
    platform: Platform
    community: str
    title: str
    champion: WordBody
    shadow: WordBody

    @classmethod
    def of(cls, found: Difference) -> Self:
        """As it was read."""
        return cls(
            post_id=found.post.id,
            platform=found.post.platform,
            community=found.community,
            title=found.post.title,
            champion=WordBody.of(found.champion),
            shadow=WordBody.of(found.shadow),
        )


class ShadowBody(BaseModel):
    """Where the shadow and the champion differ, of the posts of the last two weeks."""

    shadow: str | None = Field(description="Null: no version judges in the shadow, and all counts are 0.")
    posts: int = Field(description="That both judged.")
    both: int = Field(description="Shown by both.")
    only_champion: int
    only_shadow: int
    differences: list[DifferenceBody]

    @classmethod
    def of(cls, shadow: ModelVersion | None, found: Differences) -> Self:
        """As it was read."""
        return cls(
            shadow=shadow.name if shadow else None,
            posts=found.posts,
            both=found.both,
            only_champion=found.only_champion,
            only_shadow=found.only_shadow,
            differences=[DifferenceBody.of(one) for one in found.listed],
        )


class PlaceDriftBody(BaseModel):
    """The scores of one community: the last 7 days against the 28 days before."""

    source_id: int
    platform: Platform
    community: str
    drift: Drift
    index: float = Field(description="Population stability index.")
    before: int = Field(description="Posts.")
    recent: int
    leads_before: int = Field(description="Of these, those that the model calls leads.")
    leads: int

    @classmethod
    def of(cls, place: PlaceDrift) -> Self:
        """As it was measured."""
        return cls(
            source_id=place.source_id,
            platform=place.platform,
            community=place.community,
            drift=place.drift,
            index=place.index,
            before=sum(place.before),
            recent=sum(place.recent),
            leads_before=place.leads_before.part,
            leads=place.leads.part,
        )


class WeekBody(BaseModel):
    """Scores that were shown in a week, and what people said."""

    begins: date
    score: float = Field(description="Their mean.")
    leads: int
    decisions: int

    @classmethod
    def of(cls, week: Week) -> Self:
        """As it was measured."""
        return cls(begins=week.begins, score=week.score, leads=week.leads.part, decisions=week.leads.whole)


class DriftBody(BaseModel):
    """Whether what comes in, and what the model says of it, is still what it was."""

    model: str | None = Field(description="Null: nothing was judged yet.")
    places: list[PlaceDriftBody] = Field(description="Those that moved most first.")
    weeks: list[WeekBody] = Field(description="The newest first.")
