"""Queries that are not saved: what one means, and what it would find."""

from typing import Annotated

import sqlalchemy as sa
import typer

from cli.campaigns import find
from cli.context import clock, out, start
from overheard.keywords.backtest import preview
from overheard.models import Post, campaign_sources
from overheard.query_language import explain, read
from overheard.query_language.variables import saved

app = typer.Typer(help="What a query means and would find, before it is saved.", no_args_is_help=True)

_SHOWN = 5


@app.command("explain")
def explain_query(expression: str) -> None:
    """Say in plain words what a query finds, or where it is wrong."""
    with start().sessions() as session:
        found = read(expression, saved(session))
    out.print(explain(found), markup=False, soft_wrap=True)
    for hint in found.hints:
        out.print(f"Character {hint.start + 1}: {hint.message}", markup=False, soft_wrap=True)


@app.command("test")
def try_query(
    expression: str,
    *,
    campaign: Annotated[str | None, typer.Option(help="Ask only the posts of this campaign's sources.")] = None,
    days: Annotated[int, typer.Option(min=1, max=3650, help="How far to look back.")] = 30,
) -> None:
    """Count the stored posts that a query would find, and name the newest. Nothing is saved."""
    with start().sessions() as session:
        of_campaign = sa.select(campaign_sources.c.source_id)
        source_ids = (
            session.scalars(of_campaign.where(campaign_sources.c.campaign_id == find(session, campaign).id)).all()
            if campaign is not None
            else []
        )
        found = preview(session, expression, now=clock(), days=days, source_ids=source_ids)
        newest = session.scalars(sa.select(Post).where(Post.id.in_(found.newest[:_SHOWN])).order_by(Post.id.desc()))
        count = f"{found.posts:,} stored {'post' if found.posts == 1 else 'posts'}"
        least = "" if found.is_whole else "At least "
        out.print(f"{least}{count} of {days} days, {found.posts_a_day:.1f} a day.", markup=False)
        for post in newest:
            out.print(post.permalink or f"{post.title or post.body:.80}", markup=False, soft_wrap=True)
