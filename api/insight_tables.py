"""The tables of `/insights`: each answers a question in a sentence, may be drawn, and leaves as CSV."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from api.insight_words import change_words, share_words
from api.spreadsheets import Cell
from api.words import clipped, plain
from overheard.measuring.cohorts import Tally
from overheard.measuring.insights import Insights
from overheard.measuring.intervals import Direction, Share, Trend
from overheard.measuring.said import Mentions
from overheard.measuring.yields import Yield

Value = str | int | float | date | Share | Trend | None

_MOST_ROWS = 50
_DRAWN = 4
_HOUR = 60


@dataclass(frozen=True, slots=True)
class Table:
    """One table."""

    key: str
    title: str
    answer: str
    """The sentence above it."""
    columns: Sequence[str]
    rows: Sequence[Sequence[Value]]
    drawn: Sequence[int] = ()
    """The columns that are drawn over the first one, which holds days."""
    unit: str = ""
    note: str = ""

    def cells(self) -> tuple[list[str], list[list[Cell]]]:
        """Header and rows for a file: a share and a trend are several columns there."""
        wide = [_kind(self.rows, column) for column in range(len(self.columns))]
        header = [name for column, title in enumerate(self.columns) for name in _names(title, wide[column])]
        rows = [[cell for column, value in enumerate(row) for cell in _flat(value, wide[column])] for row in self.rows]
        return header, rows


def _kind(rows: Sequence[Sequence[Value]], column: int) -> type | None:
    return next((type(row[column]) for row in rows if isinstance(row[column], Share | Trend)), None)


def _names(title: str, kind: type | None) -> list[str]:
    if kind is Share:
        return [title, f"{title} of", f"{title} low", f"{title} high"]
    return [title, f"{title} low", f"{title} high"] if kind is Trend else [title]


def _flat(value: Value, kind: type | None) -> list[Cell]:
    if isinstance(value, Share):
        return [value.part, value.whole, *(round(bound, 4) for bound in value.interval())]
    if isinstance(value, Trend):
        known = value.change is not None
        return [value.direction.value, *((round(value.low, 4), round(value.high, 4)) if known else (None, None))]
    return [value, *([None] * (len(_names("", kind)) - 1))]


def tables(found: Insights) -> list[Table]:
    """All of them, in the order in which they are shown."""
    return [*_funnel(found), *_replies(found), *_voices(found), _needs(found)]


_STEPS = ("Leads", "Waiting", "Promoted of decided", "Replied of promoted", "Prospects of replied", "Trend of promoted")


def _steps(line: Yield) -> tuple[Value, ...]:
    return line.tally.leads, line.tally.waiting, line.promoted, line.replied, line.prospects, line.trend


def _funnel(found: Insights) -> Iterator[Table]:
    whole = found.whole
    yield Table(
        "weeks",
        "Is the funnel growing?",
        f"{whole.matches:,} posts came in and made {whole.tally.leads:,} leads. Of those that somebody decided on, "
        f"{share_words(whole.promoted, 'were promoted')}. {change_words(whole.trend)}",
        ("Week from", "Leads", "Promoted", "Replied", "Prospects", "Waiting"),
        [(monday, *_counts(tally)) for monday, tally in found.weeks],
        drawn=(1, 2, 3, 4),
        note="A lead stands in the week in which its posts came in, with what has become of it since.",
    )
    yield _by("campaigns", "Which campaign brings what people promote?", found.campaigns, "Campaign", ())
    yield _by("platforms", "Which platform is worth listening to?", found.platforms, "Platform", ("Posts",))
    yield _by("communities", "Which community is worth listening to?", found.communities, "Community", ("Posts",))
    several = f"{found.shared:,} leads were met by several queries and count for each of them. " if found.shared else ""
    yield Table(
        "queries",
        "Which query brings what people promote?",
        _best(found.queries, "query"),
        ("Query", "Matches", *_STEPS, "Leads of it alone"),
        [(one.name, one.matches, *_steps(one), one.alone) for one in found.queries[:_MOST_ROWS]],
        note=f"{several}{found.unmet.leads:,} leads were met by no query in force: they were found by meaning, or by "
        f"a query that has changed since; {found.unmet.promoted:,} of them were promoted.",
    )


def _counts(tally: Tally) -> tuple[int, ...]:
    return tally.leads, tally.promoted, tally.replied, tally.prospects, tally.waiting


def _by(key: str, title: str, lines: Sequence[Yield], name: str, more: tuple[str, ...]) -> Table:
    rows = [(line.name, *((line.matches,) if more else ()), *_steps(line)) for line in lines[:_MOST_ROWS]]
    left = len(lines) - len(rows)
    note = f"{left:,} more are not shown." if left else ""
    return Table(key, title, _best(lines, name.lower()), (name, *more, *_STEPS), rows, note=note)


def _best(lines: Sequence[Yield], what: str) -> str:
    decided = [line for line in lines if line.promoted.value is not None]
    if not decided:
        return "Nobody has decided on a lead of this period yet."
    if len(decided) == 1:
        return f"There is one {what} with decisions: {plain(decided[0].name)}, {_promoted(decided[0])}."
    surest = max(decided, key=lambda line: line.promoted.interval()[0])
    most = max(decided, key=lambda line: line.tally.promoted)
    said = f"{plain(surest.name)} has the surest share: {_promoted(surest)}."
    return said if most is surest else f"{said} The most promoted leads are of {plain(most.name)}: {_promoted(most)}."


def _promoted(line: Yield) -> str:
    return share_words(line.promoted, "promoted")


# --- replies -------------------------------------------------------------------------------------------------------


def _replies(found: Insights) -> Iterator[Table]:
    whole = found.replies_whole
    if whole.minutes is None:
        soon = "No reply to a post that is still here went out."
    else:
        soon = (
            f"Half of the first replies came within {_time(whole.minutes)} of the post; within an hour, "
            f"{share_words(whole.within_hour)}."
        )
    yield Table(
        "speed",
        "How soon do we reply?",
        soon,
        ("Week from", "Median hours to first reply", "Within an hour"),
        [
            (week.monday, None if week.minutes is None else round(week.minutes / _HOUR, 1), week.within_hour)
            for week in found.replies
        ],
        drawn=(1,),
        unit="h",
        note="Of replies that went out in the week.",
    )
    yield Table(
        "answers",
        "Do people answer?",
        f"Of {whole.sent:,} replies, {share_words(whole.answered, 'were answered')}; "
        f"{share_words(whole.positive, 'positively')}."
        if whole.sent
        else "No reply went out.",
        ("Week from", "Sent", "Answered", "Answered positively"),
        [(week.monday, week.sent, week.answered, week.positive) for week in found.replies],
        drawn=(2, 3),
        unit="%",
    )


def _time(minutes: float) -> str:
    if minutes < 2 * _HOUR:
        return f"{minutes:.0f} minutes"
    hours = minutes / _HOUR
    return f"{hours:.0f} hours" if hours < 48 else f"{hours / 24:.0f} days"  # noqa: PLR2004 - two days


# --- what leads say ------------------------------------------------------------------------------------------------


def _voices(found: Insights) -> Iterator[Table]:
    products = [one for one in found.said.products if one.now.part]
    answer = "No lead of this period names a product."
    if products:
        first = products[0]
        answer = (
            f"{_written(first)} is named most: by {share_words(first.now)} of the leads that name a product."
            f"{_movers(products)}"
        )
    yield _mentions(
        "voice", "Which products do leads name?", answer, "Product", found=found, mentions=found.said.products
    )
    drawn = products[:_DRAWN]
    if drawn:
        yield Table(
            "voice_weeks",
            "Whose voice grows?",
            f"The share of the {len(drawn)} most named products, week by week.",
            ("Week from", *(_written(one) for one in drawn)),
            [(monday, *(one.by_week[n] for one in drawn)) for n, (monday, _) in enumerate(found.weeks)],
            drawn=tuple(range(1, len(drawn) + 1)),
            unit="%",
        )


def _needs(found: Insights) -> Table:
    needs = found.said.needs
    answer = "No lead of this period says what it needs in words that could be marked."
    if needs:
        answer = f"Most leads need: {', '.join(one.name for one in needs[:3])}.{_movers(needs)}"
    return _mentions("needs", "Which needs rise, which fall?", answer, "Need", found=found, mentions=needs)


def _mentions(key: str, title: str, answer: str, name: str, *, found: Insights, mentions: Sequence[Mentions]) -> Table:
    said = found.said
    note = "Of all leads of the period." if said.read == said.leads else (
        f"Read from {said.read:,} of {said.leads:,} leads, drawn as if by chance."
    )  # fmt: skip
    return Table(
        key,
        title,
        answer,
        (name, "Share of leads", "In the days before", "Trend", "As they say it"),
        [(_written(one), one.now, one.before, one.trend, clipped("; ".join(one.examples), 120)) for one in mentions],
        note=note,
    )


def _written(one: Mentions) -> str:
    return plain(one.examples[0]) if one.examples and len(one.examples[0].split()) == 1 else plain(one.name)


def _movers(mentions: Sequence[Mentions]) -> str:
    rising = [_written(one) for one in mentions if one.trend.direction is Direction.UP]
    falling = [_written(one) for one in mentions if one.trend.direction is Direction.DOWN]
    if not rising and not falling:
        return " None rises or falls by more than chance."
    parts = [
        f"{'rising' if up else 'falling'}: {', '.join(names)}" for up, names in ((1, rising), (0, falling)) if names
    ]
    said = "; ".join(parts)
    return f" {said[0].upper()}{said[1:]}."
