"""Labels: taken out and in, doubted, measured; and the slots of the queue."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import sqlalchemy as sa
import typer
from rich.table import Table

from cli.context import clock, err, out, start
from overheard.errors import InvalidInput, NotFound
from overheard.labelling import slots
from overheard.labelling.doubts import replace
from overheard.labelling.estimates import quality
from overheard.labelling.examples import training_examples
from overheard.labelling.exchange import LabelledPost, labelled_posts, take_in
from overheard.labelling.formats import LabelFormat, decode, encode
from overheard.listening.terms import may_train
from overheard.marketing import campaigns
from overheard.measuring.intervals import Estimate
from overheard.models import Source
from overheard.vocabulary import Platform

app = typer.Typer(help="What people said about posts.", no_args_is_help=True)


class _Format(StrEnum):
    JSONL = "jsonl"
    PARQUET = "parquet"
    ARGILLA = "argilla"
    LABEL_STUDIO = "label-studio"
    PRODIGY = "prodigy"


File = Annotated[Path, typer.Argument(help="The file.")]
Form = Annotated[_Format, typer.Option("--format", help="What the file is for.")]


@app.command("export")
def export(file: File, *, form: Form = _Format.JSONL) -> None:
    """Write all labels that may leave, with their posts, to a file."""
    with start().sessions() as session:
        posts = list(labelled_posts(session))
    if form is _Format.PARQUET:
        from overheard.labelling import parquet

        parquet.write(posts, file)
    else:
        with file.open("w", encoding="utf-8", newline="\n") as text:
            text.writelines(encode(posts, LabelFormat(form.value)))
    out.print(f"Wrote {sum(len(post.labels) for post in posts)} labels of {len(posts)} posts to {file}.")


@app.command("import")
def import_(file: File, *, form: Form = _Format.JSONL) -> None:
    """Take labels of the nine intents in from a file, for posts that are here."""
    context = start()
    posts = _read(file, form)
    with context.typed.begin() as session:
        outcome = take_in(session, posts)
    out.print(f"Took {outcome.new} labels in; {outcome.known} were known.")
    for number, why in (
        (outcome.without_intent, "name no intent: decisions are made in the queue"),
        (outcome.of_no_post, "are of posts that are not here: import the posts first"),
        (outcome.of_another_text, "are of a text that was changed since"),
    ):
        if number:
            err.print(f"{number} labels {why}.")


def _read(file: Path, form: _Format) -> list[LabelledPost]:
    if form is _Format.PARQUET:
        from overheard.labelling import parquet

        return list(parquet.read(file))
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{file} cannot be read: {error}") from error
    return list(decode([text], LabelFormat(form.value), now=clock()))


@app.command("doubts")
def doubts() -> None:
    """Look for labels that surprise a model that did not learn from them; the page of labels shows them."""
    from classifier.label_errors import doubted
    from classifier.registry import champion
    from classifier.vector_cache import VectorCache, make_encode, reader_of

    context = start()
    with context.sessions() as session:
        examples = training_examples(session)
        folder = champion(session, context.settings)
    found = []
    if examples:
        cache = VectorCache(context.settings, reader_of(folder, context.settings))
        cache.fill(context.sessions, examples, lambda: make_encode(folder, context.settings))
        found = doubted(examples, cache.read([one.text_hash for one in examples]), on_too_few=err.print)
    with context.typed.begin() as session:
        number = replace(session, found, now=clock())
    out.print(f"{number} of {len(examples)} labels are in doubt. Look at them on /labels?queue=doubt.")


@app.command("slots")
def set_slots(
    campaign: Annotated[str, typer.Argument(help="The name of the campaign.")],
    *,
    random: Annotated[float, typer.Option(help="How likely any lead is put high by chance, as 0.05.")],
    uncertain: Annotated[float, typer.Option(help="The same for a lead whose score is 0.5; others less.")] = 0.0,
) -> None:
    """Put a few new leads high in the queue by chance, so that what it holds can be measured; 0 turns it off."""
    with start().typed.begin() as session:
        found = campaigns.find(session, campaign)
        if found is None:
            raise NotFound(f"There is no campaign {campaign!r}.")
        slots.set_shares(session, found.id, random=random, uncertain=uncertain)
    out.print(f"New leads of {campaign} are drawn: {random:.0%} by chance, up to {uncertain:.0%} of the unsure.")


@app.command("measure")
def measure() -> None:
    """What the queue of each campaign holds, estimated from leads that were drawn by chance."""
    table = Table(
        "campaign", "drawn", "decided", "precision", "of all decisions", "recall", "calibration error", box=None
    )
    with start().sessions() as session:
        for view in campaigns.views(session):
            told = quality(session, view.campaign, clock())
            numbers = [view.campaign.name, str(told.drawn), str(told.decided)]
            if told.can_tell:
                naive = "" if told.naive is None else f"{told.naive:.0%}"
                numbers += [_sure(told.precision), naive, _sure(told.recall), f"{told.calibration_error:.0%}"]
            table.add_row(*numbers)
    out.print(table)


def _sure(one: Estimate | None) -> str:
    return f"{one.value:.0%} ({one.low:.0%} to {one.high:.0%})" if one else "cannot be told"


@app.command("rights")
def rights(
    platform: Annotated[Platform | None, typer.Argument(help="The platform of a source.")] = None,
    community: Annotated[str | None, typer.Argument(help="Its community.")] = None,
    *,
    train: Annotated[
        bool | None, typer.Option("--allow/--forbid", help="What the operator says; it counts before the terms.")
    ] = None,
) -> None:
    """From which sources a model may learn; with --allow or --forbid, say it of one."""
    with start().typed.begin() as session:
        found = session.scalars(sa.select(Source).order_by(Source.platform, Source.community)).all()
        if train is not None:
            named = [one for one in found if (one.platform, one.community) == (platform, community)]
            if not named:
                raise NotFound(
                    "Name the platform and the community of a source, as `overheard labels rights` lists it."
                )
            named[0].may_train = train
        table = Table("platform", "community", "may be learned from", "because of", box=None)
        for one in found:
            because = "the terms" if one.may_train is None else "your word"
            table.add_row(one.platform, one.community, "yes" if may_train(one) else "no", because)
    out.print(table)
