"""Cards of the queue, rendered once and not for every page that shows them.

A card is rendered from what was just read of it, the minute, the stage and whether it may be ticked, and from nothing
else. These are also the key by which it is kept. So an edit, a decision, a do-not-contact entry or an erasure makes
another card, or none: what is kept can be too old for nobody. Forms and their tokens are put in by the page.

Nothing is kept for longer than about a minute: ages are told to the minute, and with each new one all begins anew. The
server's clean-up (`api.app`) forgets what is left when nobody looks, so that a text does not outlive its erasure here.
"""

from datetime import datetime

import jinja2
from markupsafe import Markup

from overheard.desk.review_queue import QueueItem
from overheard.vocabulary import Stage

_MOST = 2_000
"""Cards that are kept; one takes some 5 KB."""
_ACTS = "<!--acts-->"
"""Where a page puts its forms into a card. No text can hold it: all are escaped."""

HalfCards = tuple[Markup, Markup]


class QueueCards:
    """What has been rendered in this minute."""

    def __init__(self, environment: jinja2.Environment) -> None:
        self._environment = environment
        self._minute: datetime | None = None
        self._kept: dict[tuple[QueueItem, Stage, bool, datetime], HalfCards] = {}

    def halves(self, item: QueueItem, stage: Stage, *, may_tick: bool, now: datetime) -> HalfCards:
        """A card in two halves, between which its acts belong."""
        minute = now.replace(second=0, microsecond=0)
        if minute != self._minute or len(self._kept) >= _MOST:
            self.forget()
            self._minute = minute
        kept, key = self._kept, (item, stage, may_tick, minute)
        if (found := kept.get(key)) is None:
            template = self._environment.get_template("queue_card.html")
            html = template.render(item=item, stage=stage, may_tick=may_tick, now=minute)
            before, _, after = html.partition(_ACTS)
            found = kept[key] = Markup(before), Markup(after)  # noqa: S704 - it comes out of our own template
        return found

    def forget(self) -> None:
        """Everything."""
        self._kept = {}
