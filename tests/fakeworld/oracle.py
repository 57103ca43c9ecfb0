"""Compares what we stored with what there is. Promises 1 and 2 are kept when nothing is found."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, fields

import sqlalchemy as sa

from overheard.db import Sessions
from overheard.listening.posts import Key, as_tombstone
from overheard.models import DeadLetter, Gap, Post, Source, Tombstone
from overheard.text import MAX_BODY, MAX_TITLE, cap, clean
from overheard.vocabulary import Platform
from tests.fakeworld.model import Wire, World, Written, wire_of

_SHOWN = 5


@dataclass(slots=True)
class Report:
    """What is wrong, by `(platform, external_id)`, and what was compared."""

    missing: list[Key] = field(default_factory=list)
    """Visible there, not stored here, and no open gap says so."""
    zombies: list[Key] = field(default_factory=list)
    """Deleted there or no post any more, and their text is still here: as a post or as a dead letter."""
    duplicates: list[Key] = field(default_factory=list)
    """Stored more than once, or under an id that its platform does not know."""
    stale: list[Key] = field(default_factory=list)
    """Edited there, the old text here."""
    in_gaps: list[Key] = field(default_factory=list)
    """Not stored, and an open gap says so. Not a fault."""
    expired: list[Key] = field(default_factory=list)
    """Not stored, because we may keep it no longer. Not a fault."""
    visible: int = 0
    deleted: int = 0
    stored: int = 0

    @property
    def is_clean(self) -> bool:
        return not (self.missing or self.zombies or self.duplicates or self.stale)

    def __str__(self) -> str:
        """The figures, and the first few keys of each list."""
        lines = [f"{self.visible} visible, {self.deleted} deleted there; {self.stored} stored here"]
        for each in fields(self):
            keys = getattr(self, each.name)
            if isinstance(keys, list) and keys:
                shown = ", ".join(f"{platform.value} {external_id}" for platform, external_id in keys[:_SHOWN])
                lines.append(f"{len(keys)} {each.name}: {shown}{', …' * (len(keys) > _SHOWN)}")
        return "; ".join(lines)


def _all(_: Written) -> bool:
    return True


def compare(
    world: World,
    sessions: Sessions,
    *,
    platforms: Iterable[Platform] | None = None,
    is_watched: Callable[[Written], bool] = _all,
) -> Report:
    """What our tables hold against what the world shows now, for all its platforms or some of them.

    `is_watched` leaves out what is deliberately not collected: another community, what is older than the first pass.
    """
    report = Report()
    for platform in platforms if platforms is not None else world.platforms():
        wire = wire_of(platform)
        there = {wire.external_id(written): written for written in world.posts(platform, include_deleted=True)}
        here = _Here(sessions, wire)
        report.stored += sum(len(texts) for texts in here.texts.values())
        for external_id, written in there.items():
            key = (platform, external_id)
            texts = here.texts.get(external_id, [])
            if written.is_deleted:
                report.deleted += 1
                if texts or external_id in here.dead_letters:
                    report.zombies.append(key)
            elif not wire.is_post(written):
                report.zombies += [key] if texts else []
            elif is_watched(written):
                report.visible += 1
                if not texts:
                    here.account_for(written, report).append(key)
                elif texts[0] != _as_stored(*wire.text(written)):
                    report.stale.append(key)
        report.duplicates += [
            (platform, external_id)
            for external_id, texts in here.texts.items()
            if len(texts) > 1 or external_id not in there
        ]
    return report


class _Here:
    """What our tables hold of one platform."""

    def __init__(self, sessions: Sessions, wire: Wire) -> None:
        self.wire = wire
        self.texts: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
        with sessions() as session:
            posts = sa.select(Post.external_id, Post.title, Post.body).where(Post.platform == wire.platform)
            for external_id, title, body in session.execute(posts):
                self.texts[external_id].append((title, body))
            expired = sa.select(Tombstone.external_id).where(
                Tombstone.platform == wire.platform, Tombstone.reason.startswith("kept for")
            )
            self.expired = set(session.scalars(expired))
            letters = sa.select(DeadLetter.external_id).where(DeadLetter.platform == wire.platform)
            self.dead_letters = set(session.scalars(letters))
            gaps = (
                sa.select(Gap, Source)
                .join(Source, Source.id == Gap.source_id)
                .where(Source.platform == wire.platform, Gap.repaired_at.is_(None))
            )
            self.gaps: Sequence[tuple[Gap, Source]] = [(gap, source) for gap, source in session.execute(gaps)]

    def account_for(self, written: Written, report: Report) -> list[Key]:
        """The list in which something that we have not belongs."""
        if as_tombstone(self.wire.external_id(written)) in self.expired:
            return report.expired
        is_told = any(self.wire.is_of(source, written) and self.wire.covers(gap, written) for gap, source in self.gaps)
        return report.in_gaps if is_told else report.missing


def _as_stored(title: str, body: str) -> tuple[str, str]:
    """Texts are cleaned and cut on their way in: see `overheard.listening.posts.NewPost`."""
    return cap(clean(title).strip(), MAX_TITLE)[0], cap(clean(body).strip(), MAX_BODY)[0]
