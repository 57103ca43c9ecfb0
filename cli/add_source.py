"""`overheard sources add`: what it asks, tries, tells and keeps."""

import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import sqlalchemy as sa
import typer
from rich.table import Table

from cli.context import Context, clock, err, out, start
from overheard.errors import InvalidInput, NotFound
from overheard.listening import credentials, sources
from overheard.listening.terms import Recheck, ReplyWay, Terms
from overheard.models import Credential, Source
from overheard.users import audit
from overheard.vocabulary import AuditAction, Platform

if TYPE_CHECKING:
    from collectors.base import Ask, Collector, Found

_CLOSED = {
    "facebook": "Facebook has taken the API for groups away (April 2024), and what is closed we do not scrape.",
    "linkedin": "LinkedIn opens posts of others to nobody, and its rules bar lead generation over its API.",
    "quora": "Quora has no public API.",
}
_BY_HAND = (
    "What works: hand over what you read yourself (overheard posts add, the page /posts/new and its bookmarklet), or "
    "let the alert mails you get there be read: overheard sources add mailbox. See docs/sources/closed.md."
)

Mode = Annotated[str | None, typer.Argument(help="How to read: one of the modes that are listed without it.")]


def add(
    mode: Mode = None,
    address: Annotated[list[str] | None, typer.Argument(help="Communities; default: what the account can see.")] = None,
    *,
    told: Annotated[
        list[str] | None,
        typer.Option("--set", help="An answer as name=value; name=@FILE reads it from a file, name=$VAR from there."),
    ] = None,
    permitted_by: Annotated[
        str | None, typer.Option(help="Who confirms that you may read it, where that is needed: name or e-mail.")
    ] = None,
    retention: Annotated[int | None, typer.Option(help="Hours for which posts that are no leads are kept.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Watch all communities that the account can see.")] = False,
) -> None:
    """Watch communities: asks what it needs, tries it at once, and says what you may do."""
    from collectors import collector_class

    if mode is None or mode in _CLOSED:
        _explain(mode)
        raise InvalidInput("Say how to read: overheard sources add MODE" if mode is None else _BY_HAND)
    answers = dict(_answer(text) for text in told or ())
    context, kind = start(), collector_class(mode)
    _refuse_unknown(answers, kind)
    secrets, kept = _account(context, mode, kind.account, answers)
    with _collector(context, mode, secrets) as collector:
        name = collector.account_name()
        if secrets:
            out.print(f"The credentials work: {name}.", markup=False)
        chosen = _choose(collector, address or [], everything=everything)
    options = {ask.name: _asked(ask, answers) for ask in kind.options}
    _tell(kind.terms)
    permitted_by = _confirmed(kind.terms, permitted_by)
    with context.typed.begin() as session:
        credential_id = kept
        if secrets and kept is None:
            credential_id = credentials.save(
                session, context.settings, mode=mode, name=name, secrets=secrets, now=clock()
            )
        for found in chosen:
            source = sources.add(
                session,
                mode=mode,
                platform=kind.platform,
                community=found.community,
                address=found.address,
                terms=kind.terms,
                options=options,
                credential_id=credential_id,
                permitted_by=permitted_by,
                retention_hours=retention,
                now=clock(),
            )
            audit.record(session, None, AuditAction.SOURCE_ADDED, source_named(source), now=clock())
            out.print(f"Watching {found.community}.", markup=False)
    out.print("Next: overheard collect (once), or overheard run (always).")


def source_named(source: Source) -> str:
    """A source as the subject of an entry in the audit log, which outlives an erasure: without its name."""
    return f"source {source.id} at {source.platform.display}"


def _explain(mode: str | None) -> None:
    from collectors import collector_class, collector_names

    if mode in _CLOSED:
        err.print(_CLOSED[mode], soft_wrap=True)
        return
    table = Table("mode", "reads", "what you need", box=None)
    for name, label in collector_names().items():
        try:
            table.add_row(name, label, collector_class(name).terms.permission)
        except NotFound as error:
            table.add_row(name, label, str(error))
    for name, reason in _CLOSED.items():
        table.add_row(name, Platform(name).display, f"Not possible. {reason}")
    out.print(table)


def _answer(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise InvalidInput(f"--set {text!r} is no answer: write name=value.")
    if value.startswith("@"):
        path = Path(value[1:])
        if not path.is_file():
            raise InvalidInput(f"--set {name}: there is no file {path}.")
        value = path.read_text(encoding="utf-8").strip()
    elif value.startswith("$"):
        if value[1:] not in os.environ:
            raise InvalidInput(f"--set {name}: the environment has no variable {value[1:]}.")
        value = os.environ[value[1:]]
    return name, value


def _refuse_unknown(answers: Mapping[str, str], kind: "type[Collector]") -> None:
    known = {ask.name for ask in (*kind.account, *kind.options)}
    for name in answers:
        if name not in known:
            raise InvalidInput(f"--set {name}: nothing is asked under this name. Asked: {', '.join(sorted(known))}.")


def _account(
    context: Context, mode: str, asks: "Sequence[Ask]", answers: Mapping[str, str]
) -> tuple[dict[str, str], int | None]:
    """The secrets of the account, and the credential's id when they were kept already."""
    if not asks:
        return {}, None
    with context.sessions() as session:
        kept = session.scalars(sa.select(Credential).filter_by(mode=mode).order_by(Credential.id.desc())).first()
    if kept is not None and not any(ask.name in answers for ask in asks):
        out.print(f"Using the credentials of {kept.name}. (Others: give them with --set.)", markup=False)
        return credentials.unseal(context.settings, kept), kept.id
    secrets = {ask.name: _asked(ask, answers) for ask in asks}
    return (secrets, None) if any(secrets.values()) else ({}, None)


def _asked(ask: "Ask", answers: Mapping[str, str]) -> str:
    """The answer that was given, or is asked for at a terminal."""
    if ask.name in answers:
        return answers[ask.name]
    if sys.stdin.isatty():
        answer: str = typer.prompt(ask.question, default=ask.default, hide_input=ask.is_secret, err=True)
        return answer
    if ask.default is None:
        raise InvalidInput(f"{ask.question}? Give it with --set {ask.name}=… (or {ask.name}=@FILE).")
    return ask.default


def _collector(context: Context, mode: str, secrets: Mapping[str, str]) -> "Collector":
    from collectors import collector_class
    from collectors.base import Tools

    return collector_class(mode)(Tools(context.settings, clock, time.sleep, secrets))


def _choose(collector: "Collector", addresses: Sequence[str], *, everything: bool) -> "list[Found]":
    if not addresses and collector.address is not None and sys.stdin.isatty():
        addresses = typer.prompt(collector.address, err=True).split()
    if addresses:
        chosen = [found for address in addresses for found in collector.communities(address)]
    else:
        chosen = list(collector.communities())
    table = Table("community", "note", box=None)
    for found in chosen:
        table.add_row(found.community, found.note)
    out.print(table, markup=False)
    if not chosen:
        raise NotFound("No community can be seen there. What to do: docs/sources/, under the mode's name.")
    if len(chosen) > 1 and not addresses and not everything:
        raise InvalidInput("There is more than one: name those to watch after the mode, or watch them all: --all")
    return chosen


def _tell(terms: Terms) -> None:
    """What the operator may do with what is read."""
    learns = (
        "Edits and deletions there are learned of" if terms.recheck is not Recheck.NONE else "Deletions are not told"
    )
    reply = {
        ReplyWay.API: "Replies: by a person, through the platform's API.",
        ReplyWay.ASSISTED: "Replies: by a person, in their own browser.",
        ReplyWay.NONE: "Replies: not possible.",
    }[terms.can_reply]
    keep = f"Kept: {terms.retention_hours} hours" if terms.retention_hours else "Kept: as long as you like"
    if terms.retention_hours and terms.recheck is not Recheck.NONE:
        keep += ", leads as long as they are open"
    for line in (
        f"Permission: {terms.permission}",
        f"{keep}. {learns}.",
        reply,
        f"Training a model with its texts: {'allowed' if terms.may_train else 'not without further permission'}.",
    ):
        out.print(line, markup=False, soft_wrap=True)


def _confirmed(terms: Terms, permitted_by: str | None) -> str | None:
    if not terms.must_confirm or permitted_by:
        return permitted_by
    if sys.stdin.isatty() and typer.confirm("Do you have this permission?", err=True):
        name: str = typer.prompt("Your name or e-mail, to be kept with the source", err=True)
        return name
    raise InvalidInput("This needs a permission that you have to confirm: --permitted-by YOUR-NAME")
