"""Scoring archives of posts."""

import time
from collections.abc import Iterator
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.context import err, progress_bar
from cli.model import folder_in_use
from overheard.errors import InvalidInput, OverheardError
from overheard.settings import read_settings
from overheard.vocabulary import Platform

if TYPE_CHECKING:
    from classifier.bulk import Counts, Engine, Record, SetAside
    from classifier.rows import PostRow
    from collectors.formats.records import ImportOptions
    from collectors.formats.records import Record as ImportRecord

_SHOWN = 20


class _Form(StrEnum):
    JSONL = "jsonl"
    PARQUET = "parquet"


class _Engine(StrEnum):
    LOCAL = "local"
    RAY = "ray"


def score(
    files: Annotated[
        list[Path], typer.Argument(help="Archives: whatever `overheard import` reads.", exists=True, dir_okay=False)
    ],
    *,
    output: Annotated[Path, typer.Option(help="Folder for the scores, in numbered parts.", file_okay=False)],
    form: Annotated[_Form, typer.Option("--format", help="What the parts are.")] = _Form.JSONL,
    explain: Annotated[bool, typer.Option("--explain", help="With evidence, need and signals; slower.")] = False,
    engine: Annotated[_Engine, typer.Option(help="On this machine, or on a cluster with Ray Data.")] = _Engine.LOCAL,
) -> None:
    """Score the posts of archives of any size. Killed and run again, it goes on; nothing is lost or there twice."""
    from classifier.bulk import STATE, Job, bad_rows, score_all
    from classifier.model import version_of

    run = _engine(engine)
    for file in files:
        _check(file)
    settings = read_settings()
    folder = folder_in_use()
    job = Job(
        archives=tuple(file.resolve() for file in files),
        output=output.resolve(),
        form=form.value,
        explain=explain,
        reader=read_archive,
        model=folder.resolve(),
        encoder=settings.encoder_path and settings.encoder_path.resolve(),
        precision=settings.precision,
        version=version_of(folder),
    )
    started = time.monotonic()
    before: int | None = None
    if (job.output / STATE).exists():
        err.print("Going on with what was begun.")
    with progress_bar() as bar:
        task = bar.add_task("Scoring", total=None, rate="")

        def report(counts: "Counts") -> None:
            nonlocal before
            before = counts.posts if before is None else before
            new = counts.posts - before
            bar.update(task, completed=counts.posts, rate=f"{new / (time.monotonic() - started):,.0f} posts/s")

        total = score_all(job, run, on_progress=report)
    _tell(total, total.posts - (before or 0), time.monotonic() - started, output)
    if total.bad:
        for (part, one), _ in zip(bad_rows(job.output), range(_SHOWN), strict=False):
            err.print(
                f"  {files[int(part.partition('-')[0])].name}, {one.where}: {one.reason}", markup=False, soft_wrap=True
            )
        raise InvalidInput(
            f"{total.bad:,} records could not be read; all others were scored. They are in {output}/_bad."
        )


def _tell(total: "Counts", new: int, seconds: float, output: Path) -> None:
    rate = f"{new:,} of them now, in {seconds:.1f} s ({new / max(seconds, 0.001):,.0f}/s)"
    err.print(f"Scored {total.posts:,} posts, {rate}, {total.leads:,} leads: {output}", soft_wrap=True, markup=False)
    if total.not_judged:
        err.print(f"Not judged, as they are not in English: {total.not_judged:,} posts.")
    if total.skipped:
        err.print(f"No posts of people: {total.skipped:,} records.")


def _engine(engine: _Engine) -> "Engine":
    if engine is _Engine.LOCAL:
        from classifier.bulk import on_this_machine

        return on_this_machine
    try:
        from classifier.bulk_ray import on_a_cluster
    except ModuleNotFoundError as error:
        raise OverheardError("Ray is not installed: pip install -c constraints.txt -e '.[cluster]'") from error
    return on_a_cluster


def _check(file: Path) -> None:
    """What is no archive is said before anything is done."""
    from collectors.formats.known import recognise
    from collectors.formats.streams import open_input

    with open_input(file) as opened:
        recognise(opened, _options())


def read_archive(path: Path) -> "Iterator[Record]":
    """The records of an archive, as the collectors read it and the classifier wants it."""
    from collectors.formats.known import recognise
    from collectors.formats.streams import open_input

    with open_input(path) as file:
        for record in recognise(file, _options()).records(file, _options()):
            yield partial(_read, record)


def _read(record: "ImportRecord") -> "PostRow | SetAside | None":
    from classifier.bulk import SetAside
    from classifier.rows import PostRow
    from classifier.text import PostText
    from overheard.listening.intake import Rejected
    from overheard.listening.posts import NewPost

    outcome = record()
    if isinstance(outcome, Rejected):
        return SetAside(outcome.locator, outcome.reason)
    if isinstance(outcome, NewPost):
        post = PostText.of(_writable(outcome.title), _writable(outcome.body))
        return PostRow(_writable(outcome.external_id), outcome.platform, post)
    return None


def _writable(text: str) -> str:
    """Half a surrogate pair, which JSON can name and no file of UTF-8 can hold, becomes a question mark."""
    return text.encode(errors="replace").decode()


def _options() -> "ImportOptions":
    """Where a row names no platform or community, none is missed."""
    from collectors.formats.records import ImportOptions

    return ImportOptions(platform=Platform.OTHER, community="archive")
