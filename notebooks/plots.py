"""How all plots of the notebooks look."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from overheard.measuring.intervals import Share

BLUE, ORANGE, GREY, GREEN = "#2f5d8a", "#c8702a", "#8a8f98", "#3d7d5a"
COLOURS = (BLUE, ORANGE, GREEN, GREY, "#7a5195", "#b04a5a")
_DARK = 0.5


class Point(NamedTuple):
    """A number with its interval."""

    value: float
    low: float
    high: float


def sure(share: Share) -> Point | None:
    """With Wilson's 95 % interval; None of nothing."""
    return None if share.value is None else Point(share.value, *share.interval())


def axes(title: str, x: str, y: str, *, width: float = 6.4, height: float = 4.0) -> Axes:
    """An empty plot with its sentence above it; readable in print."""
    return panels([title], x, y, width=width, height=height)[0]


def panels(titles: Sequence[str], x: str, y: str, *, width: float = 6.4, height: float = 4.0) -> list[Axes]:
    """Several of them side by side, with the same scales."""
    size = (width, height) if len(titles) == 1 else (width / 2 * len(titles), height)
    figure, found = plt.subplots(1, len(titles), figsize=size, layout="constrained", sharey=True, squeeze=False)
    figure.set_dpi(110)
    for title, ax in zip(titles, found[0], strict=True):
        ax.set_title(title, loc="left", fontsize=11)
        ax.set_xlabel(x)
        ax.spines[["top", "right"]].set_visible(False)
        ax.grid(visible=True, axis="y", color="#dddddd", linewidth=0.6)
        ax.set_axisbelow(True)
    found[0][0].set_ylabel(y)
    return list(found[0])


def rows(
    ax: Axes, points: Mapping[str, Point | None], *, colour: str = BLUE, shift: float = 0.0, label: str | None = None
) -> None:
    """A line each, the first above: its name, a dot, and the interval. What is None stays empty."""
    places = np.arange(len(points))[::-1]
    known = [(place + shift, point) for place, point in zip(places, points.values(), strict=True) if point]
    heights = [place for place, _ in known]
    low, high = [point.low for _, point in known], [point.high for _, point in known]
    ax.hlines(heights, low, high, color=colour, linewidth=2, alpha=0.6)
    ax.plot([point.value for _, point in known], heights, "o", color=colour, label=label)
    ax.set_yticks(places, list(points))
    ax.set_ylim(-0.6, len(points) - 0.4)
    ax.grid(visible=False, axis="y")
    ax.grid(visible=True, axis="x", color="#dddddd", linewidth=0.6)


def legend(ax: Axes) -> None:
    """Below the plot, where it hides nothing."""
    ax.figure.legend(frameon=False, loc="outside lower left", ncols=4)


def heat(ax: Axes, counts: npt.NDArray[np.int64], names: Sequence[str]) -> None:
    """Counts as a square of names, coloured by their share of the row."""
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    ax.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    ax.set_xticks(range(len(names)), names, rotation=40, ha="right")
    ax.set_yticks(range(len(names)), [f"{name} ({counts[at].sum()})" for at, name in enumerate(names)])
    ax.grid(visible=False)
    for row, column in np.argwhere(counts > 0):
        colour = "white" if shares[row, column] > _DARK else "black"
        ax.text(column, row, counts[row, column], ha="center", va="center", fontsize=8, color=colour)
