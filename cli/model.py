"""Training, measuring and using the intent model on files."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from cli.context import Context, out
from overheard.settings import read_settings

if TYPE_CHECKING:
    from classifier.model import IntentModel


def train(
    *,
    data: Annotated[Path, typer.Option(help="Labelled posts, JSON Lines.", exists=True, dir_okay=False)],
    output: Annotated[Path, typer.Option(help="Folder for the trained model.")] = Path("var/model"),
    posts: Annotated[
        Path | None, typer.Option(help="Posts that the configuration's further labels speak of.", exists=True)
    ] = None,
    config: Annotated[Path | None, typer.Option(help="Configuration; default: the shipped one.", exists=True)] = None,
) -> None:
    """Train the intent model. The same data, configuration and seed give the same files."""
    from classifier.train import train as train_model

    train_model(data, output, config, posts=posts, encoder_path=read_settings().encoder_path)
    out.print(f"Trained: {output}. Take it in: overheard model register {output}", soft_wrap=True)


def first_stage(
    *,
    unlabelled: Annotated[
        list[Path], typer.Option(help="Posts, JSON Lines or .zst; more than one file may be given.", exists=True)
    ],
    model: Annotated[Path, typer.Option(help="Folder of the model that teaches it.", file_okay=False)] = Path(
        "var/model"
    ),
    config: Annotated[Path | None, typer.Option(help="Configuration; default: the shipped one.", exists=True)] = None,
) -> None:
    """Teach the stage that dismisses what is surely no lead, with what the model says of posts nobody labelled."""
    from classifier.first_stage_train import teach, teach_ranges
    from classifier.head import encoder_of
    from classifier.model import load_model

    encoder = encoder_of(model, read_settings().encoder_path)
    figures = teach(load_model(model, encoder, first_stage=False), unlabelled, model, config)
    teach_ranges(unlabelled, model, encoder)
    out.print(
        f"Taught by {figures.posts:,} posts: {figures.dismissed:.1%} of all are dismissed, and with them "
        f"{figures.missed:.1%} of the {figures.flagged:,} that the model flags (by a stage that had not seen them).",
        soft_wrap=True,
    )


def evaluate(
    *,
    data: Annotated[Path, typer.Option(help="Labelled posts, JSON Lines.", exists=True, dir_okay=False)],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure the model on labelled posts: precision, recall, F1, average precision, calibration error."""
    from classifier.evaluate import INTERVALS, evaluate_file

    found = evaluate_file(_model_in_use(), data)
    if as_json:
        typer.echo(json.dumps(found.as_json(), indent=2))
        return
    out.print(f"{found.model}, threshold {found.threshold}; in brackets the 95 % interval", markup=False)
    some = {
        "all": found.leads,
        "without unsure": found.without_unsure,
        "without pain": found.without_pain,
        "without both": found.without_unsure_and_pain,
        **found.per_platform,
    }
    table = Table("rows", "n (leads)", *INTERVALS, "R at P 0.6", "P at R 0.6", box=None)
    for name, one in some.items():
        values = asdict(one)
        shown = [f"{values[key]:.2f} [{low:.2f}-{high:.2f}]" for key, (low, high) in one.intervals.items()]
        ends = (f"{one.recall_at_60:.2f}", f"{one.precision_at_60:.2f}")
        table.add_row(name, f"{one.n} ({one.n_leads})", *shown, *ends)
    out.print(table, markup=False)
    intents = ", ".join(f"{name} {one.f1:.2f} ({one.support})" for name, one in found.per_label.items())
    out.print(f"F1 by intent (posts): {intents}; their mean {found.macro_f1:.2f}", markup=False)


def folder_in_use() -> Path:
    """The champion's; where nothing was set up yet no database is made for it."""
    from classifier.registry import SHIPPED, champion

    context = Context(read_settings())
    settings = context.settings
    if settings.database_url is None and not settings.database_file.exists():
        return settings.model_path or SHIPPED
    with context.sessions() as session:
        return champion(session, settings)


def _model_in_use() -> "IntentModel":
    from classifier.model import make_loader

    return make_loader(read_settings())(folder_in_use())


def relevance(
    *,
    data: Annotated[Path, typer.Option(help="Labelled posts, JSON Lines.", exists=True, dir_okay=False)],
    output: Annotated[
        Path | None, typer.Option(help="Learn from these rows, write it to this folder, show cross-validation.")
    ] = None,
) -> None:
    """Measure, or learn, how well the leads of each category are found by an offer's meaning and by its keywords."""
    from classifier.encoder import Encoder
    from classifier.encoder_files import find_encoder
    from classifier.relevance import SHIPPED, Relevance
    from classifier.relevance_measure import ENOUGH, TOP, mean, measure
    from classifier.relevance_train import train as learn
    from classifier.relevance_train import write
    from classifier.rows import read_labelled

    rows = read_labelled(data)
    encoder = Encoder(find_encoder(read_settings().encoder_path))
    if output is None:
        figures = measure(Relevance.load(SHIPPED, encoder), rows)
    else:
        trained = learn(rows, encoder, layer=encoder.layers)
        write(trained, output)
        figures = trained.figures
    table = Table("category", "leads", "AP keywords", "AP meaning", f"recall in top {TOP}", box=None)
    enough = [one for one in figures if one.leads >= ENOUGH]
    means = [mean(name, some) for name, some in (("mean", figures), (f"mean, from {ENOUGH} leads", enough)) if some]
    for places, rows_shown in ((2, figures), (3, means)):
        for one in rows_shown:
            numbers = (one.by_keywords, one.by_meaning, one.recall_at_top)
            table.add_row(one.category, str(one.leads), *(f"{number:.{places}f}" for number in numbers))
    out.print(table, markup=False)


def needs(
    *, data: Annotated[Path, typer.Option(help="Labelled posts, JSON Lines.", exists=True, dir_okay=False)]
) -> None:
    """Measure how well the needs that are shown fit what annotators called them."""
    from classifier.need_measure import leads_with_needs, measure_needs
    from classifier.rows import read_labelled

    leads = leads_with_needs(read_labelled(data))
    verdicts = _model_in_use().predict([lead.post for lead in leads])
    table = Table("shown", "found", "any word", "recall", "precision", "words", box=None)
    for one in measure_needs(leads, [verdict.evidence for verdict in verdicts]):
        shares = (one.found, one.met, one.recall, one.precision)
        table.add_row(one.name, *(f"{share:.2f}" for share in shares), f"{one.words:.1f}")
    out.print(table, markup=False)
