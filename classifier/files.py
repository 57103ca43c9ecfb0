"""Classify a file of posts: JSON Lines in, JSON Lines out."""

import json
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from classifier.evidence import Evidence
from classifier.model import IntentModel, Verdict
from classifier.rows import BadRow, PostRow, read_posts
from classifier.text import Span
from overheard.errors import InvalidInput

# Rows held at once. The model sorts them by length, so some hundreds pay; memory does not grow with the file.
_CHUNK = 512
# A file that is no JSON Lines at all has as many bad rows as lines: so many are kept to be shown, the rest counted.
_SHOWN = 1000


@dataclass(frozen=True)
class PredictSummary:
    """What became of a file's rows; `rows` counts those that were not judged too. `bad` holds the first of the rows
    that could not be read, `bad_rows` counts all.
    """

    rows: int
    leads: int
    not_judged: int
    bad_rows: int
    bad: tuple[BadRow, ...]


def predict_file(
    model: IntentModel, input_path: Path, output_path: Path, *, on_progress: Callable[[int], None] = lambda _: None
) -> PredictSummary:
    """One line per readable row of the input, in its order: id, score, verdict, and what explains it.

    The output appears when it is whole, never in part. `on_progress` is called with the rows done since the last call.
    """
    rows = leads = not_judged = bad_rows = 0
    bad: list[BadRow] = []
    with _replacing(output_path) as output:
        for chunk in _chunks(read_posts(input_path)):
            good = [row for row in chunk if isinstance(row, PostRow)]
            unreadable = [row for row in chunk if isinstance(row, BadRow)]
            verdicts = model.predict([row.post for row in good])
            output.writelines(_line(row, verdict) for row, verdict in zip(good, verdicts, strict=True))
            rows += len(good)
            leads += sum(verdict.is_lead for verdict in verdicts)
            not_judged += sum(not verdict.is_judged for verdict in verdicts)
            bad_rows += len(unreadable)
            bad += unreadable[: _SHOWN - len(bad)]
            on_progress(len(chunk))
    return PredictSummary(rows=rows, leads=leads, not_judged=not_judged, bad_rows=bad_rows, bad=tuple(bad))


def _line(row: PostRow, verdict: Verdict) -> str:
    told = verdict.explanation
    # ASCII escapes: a post may hold half a surrogate pair, which no UTF-8 file can.
    line = {
        "id": row.id,
        "score": round(verdict.score, 6),
        "is_lead": verdict.is_lead,
        "intent": verdict.intent,
        "evidence": [_span(row, one) for one in verdict.evidence],
        "explanation": told
        and {
            "need": told.need and _span(row, told.need),
            "signals": [{"kind": one.kind, **_span(row, one.span)} for one in told.signals],
        },
        "language": verdict.language,
        "judged": verdict.is_judged,
    }
    return json.dumps(line) + "\n"


def _span(row: PostRow, span: Span | Evidence) -> dict[str, str | int]:
    text = row.post.title if span.field == "title" else row.post.body
    return {"field": span.field, "start": span.start, "end": span.end, "text": text[span.start : span.end]}


def _chunks(rows: Iterator[PostRow | BadRow]) -> Iterator[Sequence[PostRow | BadRow]]:
    chunk: list[PostRow | BadRow] = []
    for row in rows:
        chunk.append(row)
        if len(chunk) == _CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


@contextmanager
def _replacing(path: Path) -> Iterator[TextIO]:
    """A new file beside `path` that takes its place at the end, and is gone if anything goes wrong before."""
    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    except OSError as error:
        raise InvalidInput(f"{path} cannot be written: {error.strerror}.") from error
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii", newline="\n") as file:
            yield file
        temporary.chmod(0o644)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
