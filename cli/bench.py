"""Measuring how fast things are."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from cli.context import out
from cli.demo import SAMPLE
from overheard.errors import InvalidInput
from overheard.settings import read_settings

app = typer.Typer(help="Measure how fast it is on this machine.", no_args_is_help=True)


@app.command("classify")
def classify(
    *,
    data: Annotated[
        Path | None, typer.Option(help="Posts, JSON Lines or .zst; default: the bundled sample.", exists=True)
    ] = None,
    posts: Annotated[int, typer.Option(help="How many of them.", min=8)] = 240,
) -> None:
    """Judge the same posts in several ways, taking turns, and print speeds, ratios, memory and start-up."""
    from classifier.bench import measure, read_sample, shares, start_up

    some = read_sample(data or SAMPLE, posts)
    if not some:
        raise InvalidInput(f"{data} holds no posts.")
    table = Table("way", "posts/s", "times", "processor ms/post", "peak MB", box=None)
    for row in measure(some, encoder_path=read_settings().encoder_path):
        ratio, peak = f"{row.ratio:.2f}" if row.ratio else "", f"{row.peak:,.0f}" if row.peak else ""
        table.add_row(row.what, f"{row.speed:,.1f}", ratio, f"{row.processor:,.2f}", peak)
    out.print(table, markup=False)
    for what, share in shares(some, encoder_path=read_settings().encoder_path).items():
        out.print(f"{share:6.1%} {what}", markup=False)
    for explain, what in ((False, "first score"), (True, "first verdict with evidence")):
        start = start_up(explain=explain)
        out.print(f"Start to the {what}: {start.seconds:.1f} s, {start.peak:,.0f} MB", markup=False)
