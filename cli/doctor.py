"""`overheard doctor`: everything is looked at, and for what is not well it says what to do."""

import json
import time
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Annotated

import typer
from rich.text import Text

from cli.context import clock, out
from overheard.days import live_in
from overheard.db import make_engine
from overheard.errors import ModelError, OverheardError
from overheard.listening import sources
from overheard.operations.findings import Finding, Installation, State, broken, examine, look, ok
from overheard.operations.overview import look_over, spoils_all
from overheard.settings import read_settings

_COLOURS = {State.OK: "green", State.LOOK: "yellow", State.BROKEN: "bold red"}

# Anybody's and nobody's words: what a model that works cannot tell wrongly.
_ASKING = "Can anybody recommend a CRM for a small bakery? We outgrew our spreadsheets and want to buy one this month."
_TALKING = "We went for a walk along the river today and watched the ducks. What a lovely autumn it is."

_CLOCKS_DIFFER = timedelta(seconds=30)


def doctor(
    *,
    online: Annotated[
        bool, typer.Option("--online", help="Ask the platforms too: whether they accept our accounts, and their clock.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line, for programs.")] = False,
) -> None:
    """Look everything over and say what to do. Changes nothing; exit code 1 when something is broken."""
    settings = read_settings()
    live_in(settings.zone)
    installation = Installation(settings, make_engine(settings.effective_database_url), clock())
    is_broken = False
    for finding in _findings(installation, online=online):
        is_broken = is_broken or finding.state is State.BROKEN
        _tell(finding, as_json=as_json)
    if is_broken:
        raise typer.Exit(1)


def _findings(installation: Installation, *, online: bool) -> Iterator[Finding]:
    is_readable = True
    for finding in look_over(installation):
        is_readable = is_readable and not spoils_all(finding)
        yield finding
    yield from examine(installation, {"model": _model, "judgement": _judgement} if is_readable else {})
    if online and is_readable:
        yield from examine(installation, {"platforms": _platforms, "platforms' clock": _platforms_clock})


def _tell(finding: Finding, *, as_json: bool) -> None:
    if as_json:
        out.print(json.dumps(asdict(finding), ensure_ascii=False), markup=False, soft_wrap=True)
        return
    line = Text(f"{finding.state.value:<7}", style=_COLOURS[finding.state])
    line.append(f"{finding.what}: {finding.says}", style="default not bold")
    out.print(line, soft_wrap=True)
    if finding.do:
        out.print(Text(f"       {finding.do}"), soft_wrap=True)


# --- the model -----------------------------------------------------------------------------------------------------


def _model(installation: Installation) -> Iterator[Finding]:
    """Whether the files of the model in use are those that were registered, and its encoder's the right ones."""
    from classifier.head import encoder_of
    from classifier.model import version_of
    from classifier.registry import champion
    from overheard.modelling import versions

    with installation.reading() as session:
        row, folder = versions.champion(session), champion(session, installation.settings)
    try:
        found = version_of(folder)  # its name holds the checksum of its files
    except ModelError as error:
        named = installation.settings.model_path is not None
        instead = "leave `OVERHEARD_MODEL_PATH` out" if named else "use another version: `overheard model rollback`"
        yield broken("model", str(error), f"Put its files back from a backup, or {instead}")
        return
    if row is not None and installation.settings.model_path is None and found != row.name:
        yield broken(
            "model",
            f"{folder} holds {found} and not {row.name}: its files were changed.",
            "Put them back from a backup, or use another version: `overheard model rollback`",
        )
    else:
        yield ok("model", f"{found}, its files are whole")
    try:
        yield ok("encoder", f"{encoder_of(folder, installation.settings.encoder_path)}, by its checksum")
    except ModelError as error:
        yield broken("encoder", str(error), "Then look again: `overheard doctor`")


def _judgement(installation: Installation) -> Iterator[Finding]:
    """Whether the runtime judges as it should, which a processor or a library may spoil."""
    from classifier.model import make_loader
    from classifier.registry import champion
    from classifier.text import PostText

    with installation.reading() as session:
        folder = champion(session, installation.settings)
    try:
        model = make_loader(installation.settings)(folder)
    except ModelError:
        yield broken(
            "judgement", "Not tried, as the model cannot be loaded.", "See what is said of `model` and `encoder`."
        )
        return
    began = time.monotonic()
    asking, talking = model.predict([PostText("", _ASKING), PostText("", _TALKING)], explain=False)
    took = time.monotonic() - began
    scores = f"{asking.score:.0%} for a post that asks, {talking.score:.0%} for one that does not"
    if asking.is_lead and not talking.is_lead:
        yield ok("judgement", f"{scores}, in {took * 1000:.0f} ms")
    else:
        yield broken(
            "judgement",
            f"The model judges wrongly: {scores}.",
            "Try `OVERHEARD_PRECISION=f32`. If that mends it, tell us the processor; else: `overheard model rollback`",
        )


# --- the platforms -------------------------------------------------------------------------------------------------


def _platforms(installation: Installation) -> Iterator[Finding]:
    """Whether they accept our accounts: one question for each, and one for each source that needs none."""
    from collectors.run import lanes_of, open_collector, short_nap

    with installation.reading() as session:
        found = lanes_of(sources.watched(session))
    for lane in found:
        name = lane.sources[0].platform.display
        try:
            with open_collector(installation.settings, lane, clock=clock, sleep=short_nap) as collector:
                account = collector.account_name()
                for source in lane.sources if lane.credential is None else []:
                    collector.communities(source.address or None)
            what = f"accepts {account}" if lane.credential else "answers"
            yield ok("platforms", f"{name} {what} (sources: {len(lane.sources)})")
        except OverheardError as error:
            yield broken("platforms", f"{name}: {error}", "Each source by itself: `overheard sources check`")


def _platforms_clock(installation: Installation) -> Iterator[Finding]:
    """Whether the time here is the time there: signatures and cursors are made with it."""
    import httpx

    address = str(installation.settings.hackernews.base_url)
    try:
        answer = httpx.head(f"{address}maxitem.json", timeout=installation.settings.http_timeout)
        there = parsedate_to_datetime(answer.headers.get("Date", ""))
    except (httpx.HTTPError, ValueError) as error:
        yield look(
            "platforms' clock", f"{address} did not say the time ({type(error).__name__}).", "Is there a network?"
        )
        return
    apart = abs(datetime.now(UTC) - there)
    if apart > _CLOCKS_DIFFER:
        yield broken(
            "platforms' clock", f"{apart.total_seconds():.0f} s apart.", "Set it by NTP (`timedatectl set-ntp true`)."
        )
    else:
        yield ok("platforms' clock", "as ours")
