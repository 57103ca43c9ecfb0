"""Campaigns and their queries."""

from typing import Annotated

import typer
from rich.table import Table
from sqlalchemy.orm import Session

from cli.context import clock, out, start
from overheard.errors import InvalidInput, NotFound
from overheard.keywords import queries
from overheard.marketing import campaigns
from overheard.marketing.relevance import count_by_meaning
from overheard.models import Campaign
from overheard.users import audit
from overheard.vocabulary import AuditAction, Platform

app = typer.Typer(help="What we sell, to whom, and the words we listen for.", no_args_is_help=True)

_QUERY_HELP = 'A query: words, "exact phrases", -exclusions; * meets every post. May be given several times.'


@app.command("add")
def add(
    name: str,
    *,
    offer: Annotated[str, typer.Option(help="What you sell, in a sentence or two.")],
    query: Annotated[list[str], typer.Option(help=_QUERY_HELP)],
    threshold: Annotated[float | None, typer.Option(help="Score (0 to 1) from which a post becomes a lead.")] = None,
    source: Annotated[
        list[str] | None, typer.Option(help="platform:community to listen to; default: all sources.")
    ] = None,
) -> None:
    """Create a campaign."""
    with start().typed.begin() as session:
        created = campaigns.create(
            session,
            name=name,
            offer=offer,
            queries=_named(query),
            threshold=threshold,
            sources=[_source(word) for word in source or ()],
            now=clock(),
        )
        _record(session, AuditAction.CAMPAIGN_CREATED, created)
    out.print(f"Created the campaign {name!r}. Next: overheard classify", markup=False)


@app.command("query")
def query(
    campaign: str,
    expression: str,
    *,
    name: Annotated[str | None, typer.Option(help="Name of the query; one that exists gets a new version.")] = None,
) -> None:
    """Add a query to a campaign, or change one, and match it against all stored posts."""
    with start().typed.begin() as session:
        found = find(session, campaign)
        saved = queries.save_query(
            session, found.id, name=name or _name(expression), expression=expression, now=clock()
        )
        _record(session, AuditAction.QUERY_SAVED, found, f"version {saved.version} of query {saved.name}")
        out.print(f"Saved query {saved.name!r}, version {saved.version}. Next: overheard classify", markup=False)


@app.command("meaning")
def meaning(
    campaign: str,
    *,
    percent: Annotated[
        float | None,
        typer.Option("--from", help="Relevance in percent, above 0 and at most 100, from which posts come in."),
    ] = None,
    off: Annotated[bool, typer.Option("--off", help="Queries alone decide.")] = False,
) -> None:
    """Let posts come in that no query met but whose need is close to the campaign's offer, or no more."""
    if off == (percent is not None):
        raise InvalidInput("Say either how close in meaning, such as --from 30, or --off.")
    with start().typed.begin() as session:
        found = find(session, campaign)
        campaigns.set_meaning_threshold(session, found.id, None if percent is None else percent / 100)
        _record(session, AuditAction.CAMPAIGN_CHANGED, found, "meaning off" if off else f"meaning from {percent:g} %")
        if off:
            out.print(
                f"{campaign} finds posts by its queries alone. The leads that meaning brought stay.", markup=False
            )
            return
        brought = count_by_meaning(session, found)
    out.print(
        f"{campaign} finds posts by meaning too, from {percent:g} % on. Of the stored posts that no query met, "
        f"{brought:,} are known to be this close. Next: overheard classify",
        markup=False,
        soft_wrap=True,
    )


@app.command("quiet")
def quiet(
    campaign: str,
    *,
    begin: Annotated[int | None, typer.Option("--from", help="Hour, 0 to 23, in the team's time zone.")] = None,
    end: Annotated[int | None, typer.Option("--until", help="Hour, 0 to 23; before --from: on the next day.")] = None,
    off: Annotated[bool, typer.Option("--off", help="No quiet hours.")] = False,
) -> None:
    """Hours in which alerts that tell at once keep a campaign's leads until they are over, or no such hours."""
    if off == (begin is not None or end is not None):
        raise InvalidInput("Say either when it is quiet, such as --from 20 --until 7, or --off.")
    with start().typed.begin() as session:
        found = find(session, campaign)
        campaigns.set_quiet_hours(session, found.id, begin, end)
        hours = "no quiet hours" if off else f"quiet from {begin:02}:00 to {end:02}:00"
        _record(session, AuditAction.CAMPAIGN_CHANGED, found, hours)
    out.print(f"{campaign}: {hours}.", markup=False)


@app.command("list")
def list_campaigns() -> None:
    """List campaigns with their queries."""
    table = Table("campaign", "threshold", "meaning", "sources", "queries", box=None)
    with start().sessions() as session:
        for view in campaigns.views(session):
            threshold = "the model's" if view.campaign.threshold is None else f"{view.campaign.threshold:.2f}"
            places = ", ".join(f"{source.platform}:{source.community}" for source in view.campaign.sources) or "all"
            close = view.campaign.meaning_threshold
            by_meaning = "off" if close is None else f"from {close * 100:g} %"
            table.add_row(
                view.campaign.name, threshold, by_meaning, places, "  |  ".join(q.expression for q in view.queries)
            )
    out.print(table, markup=False)


def _record(session: Session, action: AuditAction, campaign: Campaign, detail: str = "") -> None:
    audit.record(session, None, action, f"campaign {campaign.id} ({campaign.name})", detail, now=clock())


def find(session: Session, name: str) -> Campaign:
    """The campaign of that name."""
    campaign = campaigns.find(session, name)
    if campaign is None:
        raise NotFound(f"There is no campaign {name!r}. See: overheard campaigns list")
    return campaign


def _named(expressions: list[str]) -> dict[str, str]:
    named = {_name(expression): expression for expression in expressions}
    if len(named) < len(set(expressions)):
        raise InvalidInput(
            f"Two of these queries begin with the same {queries.MAX_NAME} characters, so their names would be one. "
            "Create the campaign with one of them, and add the other: overheard campaigns query --name"
        )
    return named


def _name(expression: str) -> str:
    """A query that is given no name is named after itself."""
    return "every post" if expression == "*" else expression[: queries.MAX_NAME]


def _source(word: str) -> tuple[Platform, str]:
    platform, _, community = word.partition(":")
    if platform not in set(Platform) or not community:
        raise InvalidInput(f"A source is platform:community, for example reddit:r/bakers, not {word!r}.")
    return Platform(platform), community
