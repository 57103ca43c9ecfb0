"""What `/v1` takes and gives."""

from datetime import date, datetime
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from api.deps import Text
from api.words import first_words, text_at
from overheard.desk.cards import Card, SaidPost
from overheard.desk.review_queue import MAX_PAGE_SIZE, LeadView, QueueItem, QueuePage
from overheard.desk.similar_posts import SimilarPost
from overheard.keywords.queries import MAX_NOTE
from overheard.marketing.campaigns import MAX_NAME, CampaignView
from overheard.marketing.relevance import DEFAULT_THRESHOLD
from overheard.models import LeadEvent, Query, User
from overheard.query_language import Span
from overheard.vocabulary import DisqualifyReason, Intent, LeadAction, Platform, PostKind, Role, SignalKind, Stage


class Body(BaseModel):
    """A body that is sent to us: an unknown field is refused, so that a misspelt one is not silently ignored."""

    model_config = ConfigDict(extra="forbid")


# --- what is taken -------------------------------------------------------------------------------------------------


class Decision(Body):
    """How the lead was shown to the person who decided."""

    position: int | None = Field(None, ge=1, le=MAX_PAGE_SIZE, description="Place on the page of the queue, from 1.")


class Disqualification(Decision):
    """Why a lead is put out."""

    reason: DisqualifyReason
    note: Text | None = Field(None, description="Needed with the reason `other`.")


class NewQuery(Body):
    """A query, or a new version of the campaign's query of that name."""

    name: Text = Field(min_length=1, max_length=MAX_NAME)
    expression: Text = Field(description='Words, "quoted phrases", -exclusions; `*` meets every post.')
    note: Text | None = Field(None, max_length=MAX_NOTE, description="Why it is changed.")


_SCORE = "The score from which a post is put before a person; null: the model's own."
_MEANING = "The relevance from which posts come in that no query met; null: queries alone decide."


class NewCampaign(Body):
    """What is sold, and the first queries that listen for it."""

    name: Text
    offer: Text = Field(description="What you offer, in your own words.")
    queries: list[NewQuery] = Field(min_length=1, max_length=100)
    threshold: float | None = Field(None, strict=True, ge=0, le=1, description=_SCORE)
    meaning_threshold: float | None = Field(DEFAULT_THRESHOLD, strict=True, gt=0, le=1, description=_MEANING)


class CampaignChange(Body):
    """What can be changed about a campaign. What is not named stays."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    threshold: float | None = Field(None, strict=True, ge=0, le=1, description=_SCORE)
    meaning_threshold: float | None = Field(None, strict=True, gt=0, le=1, description=_MEANING)

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("Name what to change.")
        return self


# --- what is given -------------------------------------------------------------------------------------------------


class SpanBody(BaseModel):
    """A run of characters in a post, counted in Unicode code points."""

    field: str = Field(description="`title` or `body`.")
    start: int
    end: int


class WordsBody(SpanBody):
    """The same, with what stands there."""

    text: str


class BuyingSignalBody(WordsBody):
    """Words that help to sell."""

    kind: SignalKind


class ExplanationBody(BaseModel):
    """What the writer needs, and buying signals, in words of the post."""

    need: WordsBody | None
    signals: list[BuyingSignalBody]


class MatchBody(BaseModel):
    """A query that met a post."""

    name: str
    version: int
    expression: str
    spans: list[SpanBody] = Field(description="Where; empty for a query that meets every post.")


class PostBody(BaseModel):
    """A post, and why it was flagged."""

    id: int
    platform: Platform
    community: str
    kind: PostKind
    author: str | None
    author_name: str | None
    permalink: str | None
    title: str
    body: str
    posted_at: datetime | None
    score: float = Field(description="Calibrated probability that the post is a lead.")
    intent: Intent
    model_version: str
    language: str | None = Field(description="ISO 639 code; null: too short or too mixed to tell.")
    judged: bool = Field(description="False: the model cannot read the language, and the score says nothing.")
    evidence: list[SpanBody] = Field(description="What carried the score.")
    explanation: ExplanationBody | None = Field(description="Null: it was judged before there were explanations.")
    matches: list[MatchBody] = Field(description="Why it is relevant to the campaign: queries that met it.")
    from_sample: bool = Field(description="It came in as somebody who was shown it blind said that it is a lead.")
    relevance: float | None = Field(description="How likely the campaign's offer meets its need; null: not known.")
    closest: SpanBody | None = Field(description="The sentence closest to the offer, where it was close enough.")


class SimilarBody(BaseModel):
    """A post much like the lead's strongest one, and what somebody decided about it."""

    lead_id: int
    permalink: str | None
    title: str = Field(description="Its title, else what it begins with.")
    decision: LeadAction = Field(description="`promote` or `disqualify`.")
    reason: DisqualifyReason | None
    is_lead: bool | None = Field(description="What that says about the post's intent; null: nothing.")
    similarity: float


class EventBody(BaseModel):
    """One step of a lead."""

    action: LeadAction
    from_stage: Stage | None
    to_stage: Stage
    at: datetime
    actor: str | None = Field(description="Who did it; null: Overheard itself.")
    reason: DisqualifyReason | None
    reason_sentence: str | None
    note: str | None


class LeadHead(BaseModel):
    """Whom a lead is about, and where it stands."""

    id: int
    campaign_id: int
    campaign: str
    platform: Platform
    author: str
    stage: Stage
    score: float
    intent: Intent
    signalled_on: date


class QueueItemBody(LeadHead):
    """A lead in the queue, with its strongest post."""

    n_posts: int
    post: PostBody


class QueueBody(BaseModel):
    """A page of the queue."""

    items: list[QueueItemBody]
    total: int = Field(description="Leads on all pages together; 1001 where there are more than 1,000.")
    next: str | None = Field(description="Send it as `after` for the next page; null on the last.")


class LeadBody(LeadHead):
    """A lead with all its posts, the strongest first, and its timeline, oldest step first."""

    posts: list[PostBody]
    timeline: list[EventBody]
    similar: list[SimilarBody] = Field(description="At most three, the most alike first.")


class StepBody(BaseModel):
    """What a decision did."""

    lead_id: int
    stage: Stage
    event: EventBody


class QueryBody(BaseModel):
    """One version of a query."""

    id: int
    name: str
    version: int
    expression: str
    created_at: datetime
    retired_at: datetime | None = Field(description="Null: it is in force.")


class CampaignBody(BaseModel):
    """A campaign with the queries in force."""

    id: int
    name: str
    offer: str
    threshold: float | None
    meaning_threshold: float | None
    by_meaning: int = Field(
        description="Stored posts that are relevant by meaning alone; where it is off, as many as by default."
    )
    queries: list[QueryBody]


class UserBody(BaseModel):
    """Whose token it is, and what it allows."""

    id: int
    email: str
    name: str
    role: Role
    may: list[str]


# --- from rows to bodies -------------------------------------------------------------------------------------------


def _spans(spans: list[Span]) -> list[SpanBody]:
    return [SpanBody(field=field, start=start, end=end) for field, start, end in spans]


def _words(post: SaidPost, span: Span) -> WordsBody:
    field, start, end = span
    return WordsBody(field=field, start=start, end=end, text=text_at(post, span))


def _explanation(card: Card) -> ExplanationBody | None:
    if (told := card.explanation) is None:
        return None
    return ExplanationBody(
        need=_words(card.post, told.need) if told.need else None,
        signals=[BuyingSignalBody(kind=kind, **dict(_words(card.post, span))) for kind, span in told.signals],
    )


def post_body(card: Card) -> PostBody:
    """A card."""
    post = card.post
    return PostBody(
        id=post.id,
        platform=post.platform,
        community=card.community,
        kind=post.kind,
        author=post.author,
        author_name=post.author_name,
        permalink=post.permalink,
        title=post.title,
        body=post.body,
        posted_at=post.posted_at,
        score=card.score,
        intent=card.intent,
        model_version=card.model_version,
        language=card.language,
        judged=card.is_judged,
        evidence=_spans(card.evidence),
        explanation=_explanation(card),
        matches=[
            MatchBody(name=met.name, version=met.version, expression=met.expression, spans=_spans(met.spans))
            for met in card.matches
        ],
        from_sample=card.from_sample,
        relevance=card.closeness.relevance if card.closeness else None,
        closest=_spans([card.closeness.sentence])[0] if card.closeness and card.closeness.sentence else None,
    )


def event_body(event: LeadEvent, actor: User | None) -> EventBody:
    """One step; `actor` is handed in because a fresh event has not loaded its own."""
    return EventBody(
        action=event.action,
        from_stage=event.from_stage,
        to_stage=event.to_stage,
        at=event.at,
        actor=actor.name if actor else None,
        reason=event.reason,
        reason_sentence=event.reason.sentence if event.reason else None,
        note=event.note,
    )


def step_body(event: LeadEvent, actor: User) -> StepBody:
    """What somebody just did."""
    return StepBody(lead_id=event.lead_id, stage=event.to_stage, event=event_body(event, actor))


def lead_head(view: QueueItem | LeadView) -> LeadHead:
    """What all tell of a lead."""
    lead = view.lead
    return LeadHead(
        id=lead.id,
        campaign_id=lead.campaign_id,
        campaign=view.campaign_name,
        platform=lead.platform,
        author=lead.author,
        stage=lead.stage,
        score=lead.score,
        intent=lead.intent,
        signalled_on=lead.signalled_on,
    )


def queue_body(page: QueuePage, total: int) -> QueueBody:
    """A page."""
    return QueueBody(
        items=[
            QueueItemBody(**dict(lead_head(item)), n_posts=item.n_signals, post=post_body(item.card))
            for item in page.items
        ],
        total=total,
        next=page.next_place.encode() if page.next_place else None,
    )


def lead_body(view: LeadView) -> LeadBody:
    """A lead, whole."""
    return LeadBody(
        **dict(lead_head(view)),
        posts=[post_body(card) for card in view.cards],
        timeline=[event_body(event, event.actor) for event in view.events],
        similar=[similar_body(similar) for similar in view.similar],
    )


def similar_body(similar: SimilarPost) -> SimilarBody:
    """A post that somebody has decided on."""
    return SimilarBody(
        lead_id=similar.lead_id,
        permalink=similar.post.permalink,
        title=first_words(similar.post),
        decision=LeadAction.PROMOTE if similar.reason is None else LeadAction.DISQUALIFY,
        reason=similar.reason,
        is_lead=similar.is_lead,
        similarity=similar.similarity,
    )


def campaign_body(view: CampaignView, *, by_meaning: int) -> CampaignBody:
    """A campaign."""
    campaign = view.campaign
    return CampaignBody(
        id=campaign.id,
        name=campaign.name,
        offer=campaign.offer,
        threshold=campaign.threshold,
        meaning_threshold=campaign.meaning_threshold,
        by_meaning=by_meaning,
        queries=[query_body(query) for query in view.queries],
    )


def query_body(query: Query) -> QueryBody:
    """A query."""
    return QueryBody(
        id=query.id,
        name=query.name,
        version=query.version,
        expression=query.expression,
        created_at=query.created_at,
        retired_at=query.retired_at,
    )
