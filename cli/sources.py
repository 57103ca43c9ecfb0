"""The sources that are read live: adding, listing, checking, pausing and removing them."""

import time
from datetime import datetime
from typing import Annotated

import typer
from rich.table import Table
from sqlalchemy.orm import Session

from cli.add_source import add, source_named
from cli.context import clock, err, out, start
from cli.privacy import erased
from overheard.errors import NotFound, OverheardError
from overheard.listening import sources
from overheard.listening.source_health import health
from overheard.marketing.campaigns import find as find_campaign
from overheard.models import Source
from overheard.privacy import subjects
from overheard.users import audit
from overheard.vocabulary import AuditAction, Platform

app = typer.Typer(help="The communities that are read live.", no_args_is_help=True)
app.command("add")(add)

_READ_WITHOUT_A_KEY = "hackernews"

Name = Annotated[str, typer.Argument(help="The source's number or community, as `overheard sources list` shows it.")]


@app.command("list")
def list_all() -> None:
    """List all sources: state, last post, lag, gaps, last error."""
    table = Table("no", "community", "mode", "state", "last post", "a day", "lag p95", "gaps", "last error", box=None)
    with start().sessions() as session:
        for each in health(session, clock()):
            source = each.source
            table.add_row(
                str(source.id),
                f"{source.community} ({source.platform.display})",
                source.mode or "by file",
                source.state.display if source.state else "not read live",
                f"{each.last_post_at:%Y-%m-%d %H:%M}" if each.last_post_at else "",
                f"{each.posts_a_day:.0f}",
                f"{each.lag.p95:.0f} s" if each.lag else "",
                str(each.gaps_open or ""),
                source.last_error or "",
            )
    out.print(table, markup=False)


@app.command("check")
def check(name: Annotated[str | None, typer.Argument(help="Only this source; default: all.")] = None) -> None:
    """Try the credentials and the address of each source now. Changes nothing."""
    from collectors.run import lanes_of, open_collector

    context, failures = start(), 0
    with context.sessions() as session:
        chosen = None if name is None else sources.find(session, name).id
        found = lanes_of(sources.watched(session))
    for lane in found:
        wanted = [source for source in lane.sources if chosen in (None, source.id)]
        for source in wanted:
            try:
                with open_collector(context.settings, lane, clock=clock, sleep=time.sleep) as collector:
                    collector.account_name()
                    note = "; ".join(each.note for each in collector.communities(source.address or None))
                out.print(f"{source.community}: good. {note}", markup=False, soft_wrap=True)
            except OverheardError as error:
                failures += 1
                err.print(f"{source.community}: {error}", markup=False, soft_wrap=True)
    if failures:
        raise OverheardError(f"{failures} of the sources cannot be read now.")


@app.command("pause")
def pause(name: Name) -> None:
    """Stop reading a source. What it brought stays."""
    with start().typed.begin() as session:
        source = sources.find(session, name)
        sources.pause(source)
        _record(session, AuditAction.SOURCE_PAUSED, source)


@app.command("enable")
def enable(name: Name) -> None:
    """Read a source again, at once: after a pause, or after what it needed has been mended."""
    with start().typed.begin() as session:
        source = sources.find(session, name)
        sources.enable(source)
        _record(session, AuditAction.SOURCE_ENABLED, source)


@app.command("remove")
def remove(name: Name) -> None:
    """Read a source no more. What it brought stays: `overheard erase --source` erases that."""
    with start().typed.begin() as session:
        source = sources.find(session, name)
        _record(session, AuditAction.SOURCE_REMOVED, source)
        sources.remove(source)
    out.print(f"{source.community} is read no more. Its posts stay.", markup=False)


@app.command("purge")
def purge(
    platform: Annotated[Platform, typer.Argument(help="The platform of which nothing may be left.")],
    *,
    reason: Annotated[str, typer.Option(help="Why, for the receipts.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Erase all that came from a platform, however it came in, and read it no more; a receipt for each source."""
    if not yes:
        typer.confirm(
            f"Erase every post of {platform.display}, with all that was derived from it?", abort=True, err=True
        )
    context = start()
    with context.sessions() as session:
        found = [subjects.of_source(source) for source in sources.of_platform(session, platform)]
    gone = [erased(context, subject, reason=reason) for subject in found]
    posts = sum(one.counts.get("posts", 0) for one in gone)
    out.print(f"{platform.display}: {len(gone):,} sources with {posts:,} posts were erased.", markup=False)
    for one in gone:
        out.print(f"Receipt {one.receipt}")


def _record(session: Session, action: AuditAction, source: Source, detail: str = "") -> None:
    audit.record(session, None, action, source_named(source), detail, now=clock())


@app.command("suggest")
def suggest(campaign: Annotated[str, typer.Argument(help="The campaign's name.")]) -> None:
    """Suggest communities that the posts of a campaign link to and that are not read yet."""
    from overheard.listening import suggestions

    table = Table("community", "platform", "posts", "authors", "example", box=None)
    with start().sessions() as session:
        found = find_campaign(session, campaign)
        if found is None:
            raise NotFound(f"There is no campaign {campaign!r}. See: overheard campaigns list")
        for each in suggestions.suggest_communities(session, found.id, now=clock()):
            counts, example = (str(each.posts), str(each.authors)), next(iter(each.examples), "")
            table.add_row(each.community, each.platform.display, *counts, example)
    out.print(table, markup=False)


def watch_something(session: Session, *, now: datetime) -> bool:
    """Where nobody has ever chosen what to read: read what needs no key. Whether that was so."""
    from collectors import collector_class
    from collectors.hackernews.items import COMMUNITY

    if sources.was_ever_watched(session):
        return False
    kind = collector_class(_READ_WITHOUT_A_KEY)
    platform, terms = kind.platform, kind.terms
    sources.add(
        session, mode=_READ_WITHOUT_A_KEY, platform=platform, community=COMMUNITY, address="", terms=terms, now=now
    )
    return True
