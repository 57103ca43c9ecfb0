"""How sure a share is, and whether two of them differ. Formulas and sources: `docs/insights.md`."""

from dataclasses import dataclass
from enum import StrEnum
from math import sqrt

CONFIDENT = 1.959964
"""95 of 100 intervals hold the true share."""
SURE = 2.575829
"""99 of 100: where many things are looked at at once, and each that stands out is named."""
NINE_IN_TEN = 1.644854
"""90 of 100: what is estimated from draws."""

_WIDE = 0.2
"""An interval of a difference that is wider than this holds too much to call the share steady."""


def wilson(p: float, n: float, z: float = CONFIDENT) -> tuple[float, float]:
    """Wilson's score interval of a share that so many answers (also a part of one) told; of none anything may hold."""
    if not n:
        return 0.0, 1.0
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return (0.0 if p == 0 else max(middle - half, 0.0), 1.0 if p == 1 else min(middle + half, 1.0))


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number that was not counted but estimated, with its 90 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Share:
    """So many of so many."""

    part: int
    whole: int

    @property
    def value(self) -> float | None:
        """The share itself; None of nothing."""
        return self.part / self.whole if self.whole else None

    def interval(self, z: float = CONFIDENT) -> tuple[float, float]:
        """Wilson's score interval; of nothing anything may hold."""
        return wilson(min(self.part / self.whole, 1.0), self.whole, z) if self.whole else (0.0, 1.0)


class Direction(StrEnum):
    """Where a share went, as far as can be told."""

    UP = "up"
    DOWN = "down"
    STEADY = "steady"
    TOO_FEW = "too_few"


@dataclass(frozen=True, slots=True)
class Trend:
    """How much a share changed, with an interval of the difference, and what can be said about it."""

    change: float | None
    low: float
    high: float

    @property
    def direction(self) -> Direction:
        """Up or down where the interval leaves no doubt, steady where it is narrow."""
        if self.change is None:
            return Direction.TOO_FEW
        if self.low > 0 or self.high < 0:
            return Direction.UP if self.change > 0 else Direction.DOWN
        return Direction.STEADY if self.high - self.low <= _WIDE else Direction.TOO_FEW


def trend(now: Share, before: Share, z: float = CONFIDENT) -> Trend:
    """This share against the one before: Newcombe's hybrid score interval of the difference."""
    p, q = now.value, before.value
    if p is None or q is None:
        return Trend(None, -1.0, 1.0)
    (low, high), (low_before, high_before) = now.interval(z), before.interval(z)
    change = p - q
    return Trend(
        change,
        change - sqrt((p - low) ** 2 + (high_before - q) ** 2),
        change + sqrt((high - p) ** 2 + (q - low_before) ** 2),
    )
