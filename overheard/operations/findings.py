"""What is found when an installation is looked over: one line for each thing, and what to do about it."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cached_property

from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError

from overheard.db import Sessions, first_line, make_reading_sessions
from overheard.errors import OverheardError
from overheard.listening import source_health
from overheard.listening.source_health import SourceHealth
from overheard.settings import Settings


class State(StrEnum):
    """How something is."""

    OK = "ok"
    LOOK = "look"
    """It works, and somebody should look at it."""
    BROKEN = "broken"
    """It does not do its work."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. It holds no secret, no text and no stranger's name."""

    what: str
    state: State
    says: str
    do: str = ""
    """What to do where it is not well; docs/operations.md says more under the name of `what`."""


@dataclass(frozen=True)
class Installation:
    """What is looked over. Nothing is written: no folder, no key, no table is made by looking."""

    settings: Settings
    engine: Engine
    now: datetime

    @cached_property
    def reading(self) -> Sessions:
        """Sessions that only read."""
        return make_reading_sessions(self.engine)

    @cached_property
    def health(self) -> list[SourceHealth]:
        """How each source is doing: asked once."""
        with self.reading() as session:
            return source_health.health(session, self.now)


Check = Callable[[Installation], Iterable[Finding]]
"""Looks at one thing."""


def ok(what: str, says: str) -> Finding:
    """All is well."""
    return Finding(what, State.OK, says)


def look(what: str, says: str, do: str) -> Finding:
    """Somebody should look."""
    return Finding(what, State.LOOK, says, do)


def broken(what: str, says: str, do: str) -> Finding:
    """It does not work."""
    return Finding(what, State.BROKEN, says, do)


def examine(installation: Installation, checks: Mapping[str, Check]) -> Iterator[Finding]:
    """What each of these finds. One that fails is itself a finding, and the others are done all the same."""
    for what, check in checks.items():
        try:
            yield from list(check(installation))
        except OverheardError as error:
            yield broken(what, str(error), "See what the line says.")
        except SQLAlchemyError as error:
            yield broken(what, f"The database did not answer: {first_line(error)}", "See to the database first.")
        except OSError as error:
            which, why = error.filename or "A file", error.strerror or type(error).__name__
            yield broken(what, f"{which} cannot be read: {why}.", "Is it there, and may this user read it?")
        except Exception as error:  # noqa: BLE001 - whatever it is, the other checks are still wanted
            # Only its kind: what an unforeseen error says may quote anything.
            yield broken(what, f"This could not be looked at ({type(error).__name__}).", "Report it: this is a bug.")
