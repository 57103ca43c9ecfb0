"""The steps of the way of a post, one command each: init, import, collect, classify, serve; and looking after them."""

import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import sqlalchemy as sa
import typer
from rich.markup import escape
from rich.table import Table

from cli.context import Context, clock, err, out, progress_bar, start
from cli.hooks import platform_hooks
from cli.people import ask_password
from cli.sources import watch_something
from overheard.errors import InvalidInput, OverheardError
from overheard.exposure import refuse_what_anybody_could_guess
from overheard.home import secret_key
from overheard.labelling import samples
from overheard.log import configure_log
from overheard.models import User
from overheard.settings import Settings, setting_names
from overheard.users import accounts
from overheard.vocabulary import Platform, Role

if TYPE_CHECKING:
    from api.sign_in import SignIn


def init(
    *,
    email: Annotated[str | None, typer.Option(help="E-mail of the first admin; asked for at a terminal.")] = None,
) -> None:
    """Prepare the home folder and the database. Harmless when they are prepared already."""
    context = start()
    engine = context.engine
    out.print(f"Home folder: {context.settings.home.resolve()}", soft_wrap=True)
    out.print(f"Database:    {engine.url.render_as_string()}", soft_wrap=True)
    with context.sessions.begin() as session:
        if session.scalar(sa.select(User.id).limit(1)):
            return
        if email is None and sys.stdin.isatty():
            email = typer.prompt("E-mail of the first admin", err=True)
        if email is None:
            out.print("Next: overheard users add EMAIL --name NAME --role admin")
            return
        word = ask_password() if sys.stdin.isatty() else None
        accounts.add_user(session, email=email, name=email.split("@")[0], role=Role.ADMIN, password=word, now=clock())
    out.print(f"Added the admin {email}. Log in with: overheard login-link {email}")


def import_file(
    file: Annotated[
        Path, typer.Argument(help="JSON Lines, .zst, Parquet, CSV or a Slack export zip; told by its content.")
    ],
    *,
    columns: Annotated[
        str | None, typer.Option("--map", help="For CSV: field=column pairs, such as title=Subject,body=Text.")
    ] = None,
    platform: Annotated[Platform | None, typer.Option(help="Platform of rows that name none.")] = None,
    community: Annotated[str | None, typer.Option(help="Community of rows that name none.")] = None,
    workspace: Annotated[
        str | None, typer.Option(help="For a Slack export: the workspace's name, SLACK in SLACK.slack.com.")
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Read a file anew that was imported already.")] = False,
) -> None:
    """Bring posts in from a file. Can be killed and run again at any time; running it twice adds nothing."""
    from collectors.formats.records import ImportOptions
    from collectors.importing import ImportProgress, import_file, parse_columns

    options = ImportOptions(
        columns=parse_columns(columns or ""), platform=platform, community=community, workspace=workspace, again=again
    )
    context = start()
    with progress_bar() as bar:
        task = bar.add_task("", total=None, rate="")
        started = time.monotonic()

        def report(progress: ImportProgress) -> None:
            words = f"{progress.phase.capitalize()} {file.name}"
            rate = (
                f"{progress.records / max(time.monotonic() - started, 0.001):,.0f} records/s"
                if progress.records
                else ""
            )
            bar.update(
                task, description=escape(words), completed=progress.bytes_done, total=progress.bytes_total, rate=rate
            )

        summary = import_file(
            context.sessions, file, options=options, clock=clock, progress=report, settings=context.settings
        )
    if summary.already_imported:
        out.print(
            f"{file.name} was imported already; nothing to do. To read it anew: --again", markup=False, soft_wrap=True
        )
        return
    intake = summary.intake
    if summary.resumed_from:
        out.print(f"Went on after {summary.resumed_from:,} records that had been read before.")
    out.print(
        f"Imported {file.name} ({summary.format}): {summary.records:,} records in {summary.seconds:.1f} s "
        f"({summary.records / max(summary.seconds, 0.001):,.0f}/s).",
        soft_wrap=True,
        markup=False,
    )
    out.print(
        f"{intake.new:,} new, {intake.edited:,} edited, {intake.unchanged:,} known, {intake.erased:,} erased, "
        f"{intake.refused:,} erased earlier, {summary.skipped.total():,} no posts, {intake.rejected:,} rejected.",
        soft_wrap=True,
    )
    if intake.rejected:
        raise InvalidInput(
            f"{intake.rejected:,} records could not be read; all others were stored. See: overheard dead-letters list"
        )


def collect(
    *,
    platform: Annotated[Platform | None, typer.Option(help="Only this platform; default: all that are live.")] = None,
) -> None:
    """Collect new posts from the platforms, from where the last collection ended."""
    context = start()
    with context.sessions.begin() as session:
        if watch_something(session, now=clock()):
            out.print("No source was chosen yet: Hacker News is read, which needs no key. More: overheard sources add")
    if collect_once(context, platform):
        raise OverheardError("Not every source could be collected; the others were. Run it again later.")


def collect_once(context: Context, platform: Platform | None = None) -> bool:
    """One pass over the live sources, with what came in printed; whether any source failed."""
    from collectors.run import CollectSummary, collect

    with progress_bar() as bar:
        task = bar.add_task("Collecting", total=None, rate="")

        def report(summary: CollectSummary) -> None:
            intake = summary.intake
            read = intake.new + intake.edited + intake.unchanged + intake.erased + intake.rejected
            bar.update(
                task,
                description=f"Collecting {summary.platform.display}",
                completed=read,
                total=read + summary.left,
                rate=f"{read / max(summary.seconds, 0.001):,.0f} items/s",
            )

        summaries = collect(context.sessions, context.settings, platform=platform, clock=clock, on_progress=report)
    if not summaries:
        out.print("No source is being read. See: overheard sources list")
    for summary in summaries:
        intake = summary.intake
        counts = f"{intake.new:,} new, {intake.edited:,} edited, {intake.erased:,} erased in {summary.seconds:.0f} s"
        out.print(f"{summary.platform.display}, {summary.community}: {counts}", markup=False, soft_wrap=True)
        if summary.error:
            err.print(f"{summary.community}: {summary.error}", markup=False, soft_wrap=True)
    return any(summary.error for summary in summaries)


def classify() -> None:
    """Judge all posts not judged yet, and make leads of those that a campaign is looking for."""
    classify_all(start())


def classify_all(context: Context) -> None:
    """Classify with a progress bar, and say what came of it."""
    from classifier.in_use import InUse
    from classifier.meaning import Meaning
    from classifier.model import make_loader
    from classifier.run import classify_pending, count_pending

    model = InUse(context.sessions, context.settings, make_loader(context.settings)).judge()
    meaning = Meaning(context.settings.encoder_path, context.settings.precision)
    with context.sessions() as session:
        pending = count_pending(session, model.version)
    started = time.monotonic()
    with progress_bar() as progress:
        task = progress.add_task("Classifying", total=pending, rate="")

        def report(posts: int) -> None:
            done = progress.tasks[task].completed + posts
            progress.update(task, completed=done, rate=f"{done / (time.monotonic() - started):,.0f} posts/s")

        key = secret_key(context.settings)
        result = classify_pending(context.sessions, model, meaning=meaning, clock=clock, key=key, on_progress=report)
    with context.sessions.begin() as session:
        drawn = samples.draw(session, clock(), model_version=model.version, threshold=model.threshold, key=key)
    seconds = time.monotonic() - started
    out.print(
        f"Classified {result.posts:,} posts in {seconds:.1f} s ({result.posts / max(seconds, 0.001):,.0f}/s) "
        f"with {model.version}: {result.leads:,} new leads.",
        soft_wrap=True,
    )
    if result.not_judged:
        out.print(f"Not judged, as they are not in English: {result.not_judged:,} of these posts.", soft_wrap=True)
    if drawn.samples:
        left_out = f" {drawn.not_judged:,} posts in other languages were left out." if drawn.not_judged else ""
        out.print(f"Drawn to be shown blind: {drawn.samples:,} posts that no campaign shows.{left_out}", soft_wrap=True)


def sweep() -> None:
    """Erase what may be kept no longer, and ask again for edits and deletions. `overheard run` does it by itself."""
    from collectors.sweep import sweep as sweep_all

    context = start()
    done = sweep_all(context.sessions, context.settings, clock=clock)
    out.print(
        f"{done.expired:,} posts had been kept long enough; {done.rechecked:,} were asked for again: "
        f"{done.intake.edited:,} edited, {done.intake.erased:,} gone."
    )
    for community, error in done.errors.items():
        err.print(f"{community}: {error}", markup=False, soft_wrap=True)
    if done.errors:
        raise OverheardError("Not every source could be asked again; the next sweep will try.")


def serve(
    *,
    host: Annotated[str | None, typer.Option(help="Address to listen on; default: OVERHEARD_HOST.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; default: OVERHEARD_PORT.")] = None,
) -> None:
    """Serve the pages and the API."""
    context = start()
    host, port = host or context.settings.host, port if port is not None else context.settings.port
    check_address(context.settings, host, port)
    run_server(context, host, port)


def run_server(context: Context, host: str, port: int) -> None:
    """Serve until interrupted."""
    from api.app import create_app
    from api.server import serve as serve_app
    from collectors.conversations import PlatformConversations
    from collectors.crm.run import Door
    from collectors.reachability import make_reach
    from collectors.rereading import Rereading
    from collectors.web import web_client

    configure_log(as_json=context.settings.log_json)
    app = create_app(
        context.settings,
        engine=context.engine,
        platform_hooks=platform_hooks(context),
        conversations=PlatformConversations(context.sessions, context.settings, clock),
        web=lambda: web_client(context.settings, clock),
        reach=make_reach(context.settings),
        reread=Rereading(context.sessions, context.settings, clock),
        crm=Door(context.settings),
        sign_in=_identity_provider(context.settings),
    )
    serve_app(app, host=host, port=port, trusted_proxies=context.settings.trusted_proxies)


def _identity_provider(settings: Settings) -> "SignIn | None":
    if settings.oidc.issuer is None:
        return None
    try:
        from api.oidc import OpenIdProvider
    except ModuleNotFoundError as error:
        message = "Signing in by an OpenID provider needs Authlib: pip install -c constraints.txt -e '.[oidc]'"
        raise OverheardError(message) from error
    return OpenIdProvider(settings)


def check_address(settings: Settings, host: str, port: int) -> None:
    """Raise an error with the way out when this may not be served there, or something listens there already."""
    refuse_what_anybody_could_guess(settings, host)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise OverheardError(
                f"Cannot listen on {host}:{port}: {error.strerror}. If another program (or another Overheard) uses "
                f"the port, end it or choose another one: make demo PORT={port + 1}, "
                f"overheard serve --port {port + 1}, or OVERHEARD_PORT={port + 1}."
            ) from error


def check() -> None:
    """Print the effective settings, secrets masked, and try everything that is configured."""
    from classifier.encoder_files import find_encoder

    context = start()
    table = Table("setting", "value", box=None)
    values = context.settings.model_dump()
    for name in setting_names():
        value: object = values
        for part in name.removeprefix("OVERHEARD_").lower().split("__"):
            value = value[part] if isinstance(value, dict) else value
        table.add_row(name, "" if value is None else str(value))
    out.print(table, markup=False)
    attempts: dict[str, Callable[[], str]] = {
        "database": lambda: _ping(context),
        "encoder": lambda: str(find_encoder(context.settings.encoder_path)),
    }
    failures = sum(not _succeeds(what, attempt) for what, attempt in attempts.items())
    if failures:
        raise OverheardError(f"{failures} of the checks failed.")


def _succeeds(what: str, attempt: Callable[[], str]) -> bool:
    try:
        out.print(f"{what}: {attempt()}", markup=False, soft_wrap=True)
    except OverheardError as error:
        err.print(f"{what}: {error}", markup=False, soft_wrap=True)
        return False
    return True


def _ping(context: Context) -> str:
    with context.engine.connect() as connection:
        connection.execute(sa.select(1))
    return context.engine.url.render_as_string()
