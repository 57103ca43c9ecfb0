"""A version's report as words and figures: whatever retraining measured."""

from collections.abc import Iterator, Mapping
from typing import Any


def figures(report: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Name and value of each figure, in the report's order; those of a part stand behind its name."""
    return list(_figures(report, prefix))


def _figures(report: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
    for key, value in report.items():
        name = f"{prefix}{key.replace('_', ' ')}"
        if isinstance(value, Mapping):
            yield from _figures(value, f"{name}: ")
        elif isinstance(value, list):
            yield name, " to ".join(_said(one) for one in value) if len(value) == 2 else f"{len(value):,}"  # noqa: PLR2004 - an interval
        else:
            yield name, _said(value)


def _said(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.3f}"
    if isinstance(value, int):
        return f"{value:,}"
    return "" if value is None else str(value)
