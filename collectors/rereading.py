"""Items that could not be read, once more: asked of their platform again, or read by what this version understands."""

from collections.abc import Sequence
from dataclasses import dataclass

from collectors.base import Clock, Watched
from collectors.formats.jsonlines import reread
from collectors.run import lanes_of, open_collector, short_nap
from overheard.db import Sessions
from overheard.errors import InvalidInput
from overheard.listening import sources
from overheard.listening.intake import Item
from overheard.listening.terms import Recheck
from overheard.models import DeadLetter, Source
from overheard.settings import Settings


@dataclass(frozen=True)
class Rereading:
    """`overheard.listening.dead_letters.Reread` over the real platforms. No transaction is open while it asks."""

    sessions: Sessions
    settings: Settings
    clock: Clock

    def __call__(self, letter: DeadLetter) -> Sequence[Item]:
        """What the item is now; nothing: its platform says nothing of it."""
        source = self._source(letter)
        if source is not None and letter.external_id is not None:
            return self._asked(source, letter.external_id)
        items = reread(letter.locator, letter.raw) if source is None else None
        if items is None:
            raise InvalidInput(
                f"{letter.locator} of {letter.origin} cannot be asked for again. From a file: mend it there and import "
                "it with --again. Else drop it."
            )
        return items

    def _source(self, letter: DeadLetter) -> Source | None:
        with self.sessions() as session:
            found = sources.watched(session)
        return next((one for one in found if one.origin == letter.origin), None)

    def _asked(self, source: Source, external_id: str) -> Sequence[Item]:
        (lane,) = lanes_of([source])
        with open_collector(self.settings, lane, clock=self.clock, sleep=short_nap) as collector:
            if collector.terms.recheck is Recheck.NONE:
                raise InvalidInput(f"{source.platform.display} cannot be asked for one post again: drop it.")
            watched = Watched(source.address or "", source.community, source.options or {})
            return [item for batch in collector.recheck(watched, [external_id]) for item in batch]
