"""What `/v1` gives about yields, proposals and the funnel."""

from collections.abc import Iterable
from datetime import date
from enum import StrEnum

from pydantic import BaseModel, Field

from api.words import first_words
from overheard.keywords.query_edits import written
from overheard.keywords.term_proposals import Proposal, Proposals
from overheard.measuring.intervals import Direction, Share, Trend
from overheard.measuring.yields import CampaignYields, QueryYield, TermYield, Yield


class FunnelBy(StrEnum):
    """What the funnel is divided by."""

    CAMPAIGN = "campaign"
    PLATFORM = "platform"
    COMMUNITY = "community"
    QUERY = "query"
    WEEK = "week"


class ShareBody(BaseModel):
    """So many of so many, with Wilson's interval of the share (95 %)."""

    part: int
    whole: int
    share: float | None = Field(description="Null: of nothing.")
    low: float
    high: float


class TrendBody(BaseModel):
    """The share promoted against as many days before, with Newcombe's interval of the difference."""

    direction: Direction
    change: float | None
    low: float
    high: float


class StepsBody(BaseModel):
    """Leads, and how far they came. A step that was taken back is none; a lost prospect was one."""

    leads: int
    waiting: int = Field(description="Nobody has decided on these yet.")
    promoted: int
    replied: int
    prospects: int


class YieldBody(StepsBody):
    """What something brought."""

    name: str
    matches: int | None = Field(description="Posts that were met, or that came in there; null: not counted by this.")
    promoted_of_decided: ShareBody
    replied_of_promoted: ShareBody
    prospects_of_replied: ShareBody
    trend: TrendBody


class TermBody(YieldBody):
    """What a term of a query brought."""

    noise: bool = Field(description="Enough matches, none promoted, and surely less than the campaign as a whole.")


class QueryYieldBody(YieldBody):
    """What a query in force brought. A post that several queries met counts for each."""

    query_id: int
    alone: int = Field(description="Leads that no other query in force met.")
    terms: list[TermBody]


class FunnelBody(BaseModel):
    """The funnel, divided."""

    first: date
    last: date
    by: FunnelBy
    whole: YieldBody
    lines: list[YieldBody]


class YieldsBody(BaseModel):
    """What a campaign brings."""

    first: date
    last: date
    whole: YieldBody
    queries: list[QueryYieldBody]
    communities: list[YieldBody]
    by_meaning: StepsBody = Field(description="Leads that no query in force met.")
    shared: int = Field(description="Leads that several queries met, and that count for each.")
    sampled: int | None = Field(description="Terms were read from so many matches of each query; null: from all.")


class ExampleBody(BaseModel):
    """A post that says the term."""

    lead_id: int
    title: str = Field(description="Its title, else what it begins with.")
    permalink: str | None


class ProposalBody(BaseModel):
    """A term worth adding to a query, or worth leaving out by it."""

    term: str
    written: str = Field(description="As a query takes it.")
    query: str
    z: float
    here: int = Field(description="Promoted posts that say it; of a term to leave out, posts without a need.")
    there: int = Field(description="The others that say it.")
    unmet: int
    examples: list[ExampleBody]


class ProposalsBody(BaseModel):
    """Terms proposed for a campaign."""

    promoted: int = Field(description="Promoted posts that were compared.")
    without_need: int = Field(description="Posts put out as no buyer's or no need that were compared.")
    positive: list[ProposalBody]
    negative: list[ProposalBody]
    missed: list[ProposalBody] = Field(description="What leads say that no query in force met.")


def share_body(share: Share) -> ShareBody:
    """A share with its interval."""
    low, high = share.interval()
    return ShareBody(part=share.part, whole=share.whole, share=share.value, low=low, high=high)


def _trend_body(trend: Trend) -> TrendBody:
    return TrendBody(direction=trend.direction, change=trend.change, low=trend.low, high=trend.high)


def _common(line: Yield, *, counts: bool = True) -> dict[str, object]:
    tally = line.tally
    return {
        "name": line.name,
        "matches": line.matches if counts else None,
        "leads": tally.leads,
        "waiting": tally.waiting,
        "promoted": tally.promoted,
        "replied": tally.replied,
        "prospects": tally.prospects,
        "promoted_of_decided": share_body(line.promoted),
        "replied_of_promoted": share_body(line.replied),
        "prospects_of_replied": share_body(line.prospects),
        "trend": _trend_body(line.trend),
    }


def yield_body(line: Yield, *, counts: bool = True) -> YieldBody:
    """One line of a funnel; `counts`: whether its matches say anything."""
    return YieldBody.model_validate(_common(line, counts=counts))


def _term_body(term: TermYield) -> TermBody:
    return TermBody.model_validate(_common(term) | {"noise": term.is_noise})


def query_body(line: QueryYield) -> QueryYieldBody:
    """A query with its terms."""
    more = {"query_id": line.query.id, "alone": line.alone, "terms": [_term_body(term) for term in line.terms]}
    return QueryYieldBody.model_validate(_common(line) | more)


def yields_body(found: CampaignYields) -> YieldsBody:
    """All of a campaign."""
    tally = found.by_meaning
    return YieldsBody(
        first=found.asked.period.first,
        last=found.asked.period.last,
        whole=yield_body(found.whole),
        queries=[query_body(one) for one in found.queries],
        communities=[yield_body(one) for one in found.communities],
        by_meaning=StepsBody(
            leads=tally.leads,
            waiting=tally.waiting,
            promoted=tally.promoted,
            replied=tally.replied,
            prospects=tally.prospects,
        ),
        shared=found.shared,
        sampled=found.sampled,
    )


def proposals_body(found: Proposals) -> ProposalsBody:
    """All that is proposed."""
    return ProposalsBody(
        promoted=found.promoted,
        without_need=found.without_need,
        positive=_proposals(found.positive),
        negative=_proposals(found.negative),
        missed=_proposals(found.missed),
    )


def _proposals(found: Iterable[Proposal]) -> list[ProposalBody]:
    return [
        ProposalBody(
            term=one.term,
            written=written(one.term),
            query=one.query,
            z=one.z,
            here=one.here,
            there=one.there,
            unmet=one.unmet,
            examples=[
                ExampleBody(lead_id=example.lead_id, title=first_words(example.post), permalink=example.post.permalink)
                for example in one.examples
            ],
        )
        for one in found
    ]
