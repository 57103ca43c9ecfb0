"""Requests of people who are stored here: to be forgotten, and to be told what is known of them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from cli.context import Context, clock, err, out, start
from overheard.errors import InvalidInput
from overheard.home import secret_key
from overheard.models import Erasure
from overheard.privacy import erasing, ledger, person, reach, receipts, subjects
from overheard.privacy.subjects import Subject
from overheard.privacy.vocabulary import SubjectKind
from overheard.users import audit
from overheard.vocabulary import AuditAction

AsJson = Annotated[bool, typer.Option("--json", help="Print it as JSON, for programs.")]


def erase(
    *,
    author: Annotated[str | None, typer.Option(help="PLATFORM:NAME, like reddit:somebody.")] = None,
    post: Annotated[str | None, typer.Option(help="Its address, its number here, or PLATFORM:ID.")] = None,
    source: Annotated[str | None, typer.Option(help="Number or community, as `overheard sources list` says.")] = None,
    reason: Annotated[str, typer.Option(help="Why, without a name: the receipt outlives the erasure.")] = "",
    for_good: Annotated[
        bool, typer.Option("--for-good", help="Take in nothing more that this author writes, and never write to them.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go, and change nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Erase an author, a post or a source with all that was derived, and print the receipt."""
    wanted = [(kind, text) for kind, text in zip(SubjectKind, (author, post, source), strict=True) if text]
    if len(wanted) != 1:
        raise InvalidInput("Say what to erase: --author PLATFORM:NAME, --post ADDRESS or --source NAME, one of them.")
    if for_good and author is None:
        raise InvalidInput("--for-good is for authors. A post stays away anyway, and a source is read no more.")
    context = start()
    with context.sessions() as session:
        subject = getattr(subjects, wanted[0][0].value)(session, wanted[0][1])
        counts = erasing.preview(session, subject)
        learned = reach.learned_from(session, subject.posts)
    if dry_run and as_json:
        _print_json({"kind": subject.kind, "platform": subject.platform, "counts": counts, "learned": learned})
    if not as_json:
        _show(subject, counts, learned)
    if dry_run:
        return
    if not yes:
        typer.confirm("Erase it? This cannot be undone.", abort=True, err=True)
    receipt = erased(context, subject, reason=reason, for_good=for_good)
    if as_json:
        _print_json(receipts.as_json(receipt))
    else:
        _print_receipt(receipt)
    _tell_of_names(context, subject)


def erasures(*, as_json: AsJson = False) -> None:
    """List the receipts of what was erased on request."""
    with start().sessions() as session:
        found = receipts.page(session)
    if as_json:
        _print_json([receipts.as_json(one) for one in found])
        return
    table = Table(box=None)
    for title in ("receipt", "at", "what", "posts", "rows in all", "for good", "in backups until"):
        table.add_column(title, no_wrap=title in {"receipt", "at"})
    for one in found:
        table.add_row(
            one.receipt, f"{one.at:%Y-%m-%d %H:%M}", f"{one.kind.value}, {one.platform.display}",
            f"{one.counts.get('posts', 0):,}", f"{sum(one.counts.values()):,}", "yes" if one.is_for_good else "",
            _until(one),
        )  # fmt: skip
    out.print(table)


def export_person(
    *,
    author: Annotated[str, typer.Option(help="PLATFORM:NAME, like reddit:somebody.")],
    to: Annotated[Path | None, typer.Option(help="The file; default: person-NUMBER.json in this folder.")] = None,
) -> None:
    """Write all that is held of an author into a file for them, as JSON, and as text beside it."""
    context = start()
    secret = secret_key(context.settings)
    with context.typed.begin() as session:
        subject = subjects.author(session, author)
        held = person.held(session, subject, secret=secret, now=clock())
        number = subject.hashed(secret)[:8]
        audit.record(session, None, AuditAction.EXPORTED, f"everything of one person ({number})", now=clock())
    to = to or Path(f"person-{number}.json")
    _write(to, json.dumps(held, indent=2, ensure_ascii=False))
    _write(to.with_suffix(".txt"), "\n".join(person.readable(held)))
    rows = len(held["posts"]) + sum(len(found) for found in held["what_hangs_on_them"].values())
    out.print(f"{to} and {to.with_suffix('.txt')} were written: {rows:,} rows.", soft_wrap=True)
    out.print(
        "Only you can read them. They hold everything: send them by a way that is safe, then delete them.",
        soft_wrap=True,
    )


def _write(path: Path, text: str) -> None:
    try:
        path.touch(mode=0o600, exist_ok=False)  # nothing is overwritten
        path.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise InvalidInput(f"{path} cannot be written: {error.strerror}. Name another file by --to.") from error


def erased(context: Context, subject: Subject, *, reason: str, for_good: bool = False) -> Erasure:
    """Erase it to the end, and say which ledgers could not be written; the receipt."""
    secret = secret_key(context.settings)
    with context.typed.begin() as session:
        receipt = erasing.erase_subject(
            session, subject, secret=secret, reason=reason, actor=None, for_good=for_good, now=clock()
        )
        ledger.keep(session, context.settings)  # before the commit: a restore must never know less than was asked for
    for path in erasing.go_on(context.typed, context.settings, clock=clock):
        err.print(f"[yellow]{path} could not be written:[/] a restored backup would not know of it. See to its disk.")
    with context.sessions() as session:
        return receipts.get(session, receipt.receipt)


def _show(subject: Subject, counts: Mapping[str, int], learned: list[str]) -> None:
    if subject.kind is SubjectKind.AUTHOR:
        out.print(f"{' or '.join(subject.names)} at {subject.platform.display}:", markup=False, soft_wrap=True)
    if not counts:
        later = " It stays away if it comes." if subject.kind is SubjectKind.POST else ""
        out.print(f"Nothing of this {subject.kind.value} is here.{later}")
    table = Table("what", "rows", box=None)
    for name, number in counts.items():
        table.add_row(name.replace("_", " "), f"{number:,}")
    if counts:
        out.print(table)
        out.print("With them go their words in the search index, and their lines and vectors in files.", soft_wrap=True)
    if learned:
        out.print(
            f"Learned from some of it, and not unlearned before the next retraining: {', '.join(learned)}.",
            soft_wrap=True,
        )


def _print_receipt(one: Erasure) -> None:
    out.print(f"Erased. Receipt {one.receipt}, {one.at:%Y-%m-%d %H:%M} UTC, {sum(one.counts.values()):,} rows.")
    if one.backups:
        held = "1 backup still holds" if one.backups == 1 else f"{one.backups:,} backups still hold"
        out.print(f"{held} it, until {_until(one)}.", soft_wrap=True)
    if one.kind is SubjectKind.AUTHOR and not one.is_for_good:
        out.print(
            "What they write from now on is taken in like anybody's. To prevent that, erase again with --for-good.",
            soft_wrap=True,
        )
    if one.is_for_good:
        out.print("Nothing that they write from now on is taken in, and nobody writes to them.")


def _until(one: Erasure) -> str:
    if not one.backups:
        return ""
    return f"{one.backups_until:%Y-%m-%d}" if one.backups_until else "somebody removes them (no --keep was given)"


def _tell_of_names(context: Context, subject: Subject) -> None:
    """What other people wrote about them is not theirs alone: a person decides."""
    with context.sessions() as session:
        found = reach.named_in(session, subject.names)
    if found:
        told = ", ".join(f"{name.replace('_', ' ')} ({number:,})" for name, number in found.items())
        err.print(f"[yellow]The name still stands in what others wrote or your team noted:[/] {told}.", soft_wrap=True)


def _print_json(what: object) -> None:
    out.print_json(json.dumps(what))
