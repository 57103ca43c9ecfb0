"""How shares, intervals and trends are said to a person."""

from overheard.measuring.intervals import Direction, Share, Trend
from overheard.measuring.yields import Yield

_SMALL = 0.02


def share_words(share: Share, what: str = "") -> str:
    """So many of so many, and the share that this may be: "3 of 40 promoted, 3 to 20 %"."""
    said = f" {what}" if what else ""
    if not share.whole:
        return "none yet"
    return f"{share.part:,} of {share.whole:,}{said}, {range_words(*share.interval())}"


def range_words(low: float, high: float) -> str:
    """An interval in percent, with decimals only where whole percents say nothing."""
    digits = 1 if high < _SMALL else 0
    return f"{low * 100:.{digits}f} to {high * 100:.{digits}f} %"


def bar(share: Share) -> int:
    """How long its bar is, in percent."""
    return round((share.value or 0) * 100)


def trend_words(trend: Trend) -> str:
    """What can be said about a change."""
    match trend.direction:
        case Direction.TOO_FEW:
            return "too few to tell"
        case Direction.STEADY:
            return "steady"
        case Direction.UP:
            return f"up by {_points(trend.low)} to {_points(trend.high)} points"
        case Direction.DOWN:
            return f"down by {_points(trend.high)} to {_points(trend.low)} points"


def change_words(trend: Trend) -> str:
    """The same, within a sentence about a share."""
    match trend.direction:
        case Direction.TOO_FEW:
            return "Whether that is more than in as many days before cannot be told from so few."
        case Direction.STEADY:
            return "That is about as before."
        case _:
            return f"That is {trend_words(trend)} against as many days before."


def promoted_words(line: Yield) -> str:
    """The share that people promoted, of what they decided."""
    return share_words(line.promoted, "promoted")


def _points(change: float) -> str:
    return f"{abs(change) * 100:.0f}"
