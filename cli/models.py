"""Model versions: which there are, which one is in use, and taking it back."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Column, Table
from sqlalchemy.orm import Session

from cli.context import clock, out, start
from overheard.errors import InvalidInput
from overheard.marketing import campaigns
from overheard.modelling import versions
from overheard.modelling.differences import differences
from overheard.modelling.figures import figures
from overheard.modelling.files import erased_examples
from overheard.models import ModelVersion

app = typer.Typer(help="The versions of the model: look at them, compare, activate, roll back.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The version's name, or its beginning.")]
Labelled = Annotated[Path | None, typer.Option(help="Labelled posts, JSON Lines.", exists=True, dir_okay=False)]


@app.command("list")
def list_versions() -> None:
    """List the versions, the one in use first."""
    from classifier.model import version_of
    from classifier.registry import champion

    context = start()
    with context.sessions() as session:
        found = versions.versions(session)
        folder = champion(session, context.settings)
        judge_for = {one.id: _judges_for(session, one) for one in found}
    table = Table(
        Column("version", no_wrap=True), "state", "judges for", "made", "in use since", "from", "F1", "AP", box=None
    )
    for one in found:
        told = dict(figures(one.report))
        table.add_row(
            one.name,
            one.state.value,
            judge_for[one.id],
            f"{one.created_at:%Y-%m-%d}",
            f"{one.activated_at:%Y-%m-%d}" if one.activated_at else "",
            one.parent or "",
            told.get("f1", ""),
            told.get("average precision", ""),
        )
    if found:
        out.print(table, markup=False)
    if context.settings.model_path is not None:
        out.print(f"In use by OVERHEARD_MODEL_PATH, whatever is activated: {version_of(folder)}", soft_wrap=True)
    elif not found:
        out.print(f"In use: {version_of(folder)}, the model that is shipped. No other is registered.", soft_wrap=True)


def _judges_for(session: Session, version: ModelVersion) -> str:
    return "all" if version.campaign_id is None else campaigns.get(session, version.campaign_id).name


@app.command("register")
def register(
    folder: Annotated[Path, typer.Argument(help="Folder of a trained model.", exists=True, file_okay=False)],
) -> None:
    """Take a trained model in as a challenger. Its files are copied to the home folder."""
    from classifier.registry import register as take_in

    context = start()
    with context.typed.begin() as session:
        version = take_in(session, context.settings, folder, parent=None, report={}, now=clock())
    out.print(
        f"Registered: {version.name} ({version.state}). Use it: overheard model activate {version.name}", soft_wrap=True
    )


@app.command("show")
def show(name: Name) -> None:
    """Show a version: where it comes from, its figures, its model card."""
    context = start()
    with context.sessions() as session:
        version = versions.get(session, name)
        erased = erased_examples(session).get(version.dataset_id or 0, 0)
        judges_for = _judges_for(session, version)
    folder = versions.folder_of(context.settings, version)
    table = Table("what", "value", box=None)
    for what, value in {
        "version": version.name,
        "state": version.state.value,
        "judges for": judges_for,
        "made": f"{version.created_at:%Y-%m-%d %H:%M}",
        "from": version.parent or "",
        "dataset": "" if version.dataset_id is None else str(version.dataset_id),
        "erased since": f"{erased} of the posts it was made from; retrain to be rid of their part" if erased else "",
        "threshold": f"{version.threshold:.3f}",
        "files": str(folder),
        **dict(figures(version.report)),
    }.items():
        table.add_row(what, value)
    out.print(table, markup=False)
    card = folder / "MODEL_CARD.md"
    if card.is_file():
        out.print("\n" + card.read_text(encoding="utf-8"), markup=False, soft_wrap=True)


@app.command("compare")
def compare(
    first: Name,
    second: Name,
    *,
    data: Labelled = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare two versions: their reports, and with labelled posts what each says of these."""
    context = start()
    with context.sessions() as session:
        both = [versions.get(session, name) for name in (first, second)]
        lines = [dict(figures(one.report)) for one in both]
        if {one.state.value for one in both} == {"champion", "shadow"}:
            champion, shadow = sorted(both, key=lambda one: one.state.value)
            found = differences(session, shadow, champion, now=clock(), limit=0)
            lines[both.index(champion)]["posts only it would show"] = f"{found.only_champion:,} of {found.posts:,}"
            lines[both.index(shadow)]["posts only it would show"] = f"{found.only_shadow:,} of {found.posts:,}"
    if data is not None:
        from classifier.evaluate import evaluate_file
        from classifier.model import load_model

        settings = context.settings
        for one, told in zip(both, lines, strict=True):
            model = load_model(versions.folder_of(settings, one), settings.encoder_path, precision=settings.precision)
            measured = evaluate_file(model, data).leads
            for key, (low, high) in measured.intervals.items():
                told[f"{key.replace('_', ' ')} here"] = f"{getattr(measured, key):.3f} [{low:.3f}-{high:.3f}]"
    if as_json:
        typer.echo(json.dumps({one.name: told for one, told in zip(both, lines, strict=True)}, indent=2))
        return
    table = Table("figure", *(one.name for one in both), box=None)
    for key in dict.fromkeys([*lines[0], *lines[1]]):
        table.add_row(key, *(told.get(key, "") for told in lines))
    out.print(table, markup=False)


@app.command("activate")
def activate(name: Name) -> None:
    """Put a version to use, at once and for all workers."""
    context = start()
    with context.typed.begin() as session:
        version = versions.activate(session, context.settings, name, actor=None, now=clock())
    out.print(
        f"In use: {version.name}. Workers take it up within seconds; undo: overheard model rollback", soft_wrap=True
    )


@app.command("rollback")
def rollback(*, campaign: Annotated[str | None, typer.Option(help="Of this campaign's own head.")] = None) -> None:
    """Put the version to use again that was in use before."""
    context = start()
    with context.typed.begin() as session:
        if campaign is not None:
            campaign_id = campaigns.by_name(session, campaign).id
            former = versions.rollback_own(session, context.settings, campaign_id, actor=None, now=clock())
            said = f"In use again: {former.name}." if former else "The shared head judges for this campaign again."
            out.print(f"{said} Workers take it up within seconds.", soft_wrap=True)
            return
        version = versions.rollback(session, context.settings, actor=None, now=clock())
    out.print(f"In use again: {version.name}. Workers take it up within seconds.")


@app.command("shadow")
def shadow(
    name: Annotated[str | None, typer.Argument(help="The version's name, or its beginning.")] = None,
    *,
    off: Annotated[bool, typer.Option("--off", help="Let no version judge unseen.")] = False,
) -> None:
    """Let a version judge new posts beside the one in use, seen by nobody in the queue."""
    context = start()
    if off is (name is not None):
        raise InvalidInput("Say which version is to be the shadow, or --off.")
    with context.typed.begin() as session:
        if name is None:
            versions.stop_shadow(session, actor=None, now=clock())
            out.print("No version judges in the shadow.")
            return
        version = versions.start_shadow(session, name, actor=None, now=clock())
    out.print(f"In the shadow: {version.name}. What it would change stands on the page /models.")


@app.command("export")
def export(
    output: Annotated[Path, typer.Argument(help="Folder to write to; it must not be there yet.")],
    *,
    name: Annotated[str | None, typer.Option("--version", help="Which version; default: the one in use.")] = None,
    onnx: Annotated[bool, typer.Option("--onnx", help="Encoder and head as one ONNX file too.")] = False,
) -> None:
    """Write a version's files to a folder: safetensors, JSON, model card, and on request ONNX."""
    from classifier.registry import champion
    from classifier.release import write_release

    context = start()
    with context.sessions() as session:
        folder = (
            champion(session, context.settings)
            if name is None
            else versions.folder_of(context.settings, versions.get(session, name))
        )
    checked = write_release(folder, output, encoder_path=context.settings.encoder_path, onnx=onnx)
    out.print(f"Written: {output}", soft_wrap=True)
    if checked is not None:
        out.print(f"The ONNX file gives what torch gives: scores differ by {checked:.1e} at most.", soft_wrap=True)
