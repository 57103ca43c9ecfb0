"""The way of a post as spans, for whoever follows it over several processes. Nothing is done, and nothing imported,
until a door hands a tracer in (`cli/spans.py`). Numbers, ids and words of our own lists only: no text, no handles.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

PREFIX = "overheard."

Tell = Callable[[str, int | StrEnum], None]
"""Says one thing more of a step, once it is known."""


@dataclass
class _Tracing:
    tracer: "Tracer | None" = None


_tracing = _Tracing()


def use(tracer: "Tracer | None") -> None:
    """From now on the steps of this process are told to this tracer; None: to nobody."""
    _tracing.tracer = tracer


@contextmanager
def step(name: str, **told: int | StrEnum) -> Iterator[Tell]:
    """What the block does is one span, below that of the block around it. An error is told by its kind alone."""
    if _tracing.tracer is None:
        yield lambda _name, _value: None
        return
    attributes = {f"{PREFIX}{key}": value for key, value in told.items()}
    with _tracing.tracer.start_as_current_span(name, attributes=attributes, record_exception=False) as span:
        try:
            yield lambda key, value: span.set_attribute(f"{PREFIX}{key}", value)
        except Exception as error:
            span.set_attribute("error.type", type(error).__name__)
            raise
