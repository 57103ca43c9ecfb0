"""How all plots of the notebooks look."""

import matplotlib.pyplot as plt
from matplotlib.axes import Axes

BLUE, ORANGE, GREY, GREEN = "#2f5d8a", "#c8702a", "#8a8f98", "#3d7d5a"


def axes(title: str, x: str, y: str, *, width: float = 6.4, height: float = 4.0) -> Axes:
    """An empty plot with its sentence above it; readable in print."""
    figure, ax = plt.subplots(figsize=(width, height), layout="constrained")
    figure.set_dpi(110)
    ax.set_title(title, loc="left", fontsize=11)
    ax.set_xlabel(x)
    ax.set_ylabel(y)
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(visible=True, axis="y", color="#dddddd", linewidth=0.6)
    ax.set_axisbelow(True)
    return ax
