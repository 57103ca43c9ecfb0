"""Verdicts as rows of a file, the same as JSON Lines and as Parquet."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from classifier.evidence import Evidence
from classifier.model import Verdict
from classifier.rows import PostRow
from classifier.text import Span
from overheard.vocabulary import Intent

_SPAN = [("field", pa.string()), ("start", pa.int32()), ("end", pa.int32()), ("text", pa.string())]
_COLUMNS = [
    ("platform", pa.string()),
    ("id", pa.string()),
    ("score", pa.float64()),
    ("is_lead", pa.bool_()),
    ("intent", pa.string()),
    ("probabilities", pa.struct([(intent.value, pa.float64()) for intent in Intent])),
    ("language", pa.string()),
    ("judged", pa.bool_()),
    ("model", pa.string()),
]
_EXPLAINING = [
    ("evidence", pa.list_(pa.struct(_SPAN))),
    ("need", pa.struct(_SPAN)),
    ("signals", pa.list_(pa.struct([("kind", pa.string()), *_SPAN]))),
]


def write_rows(
    path: Path,
    form: Literal["jsonl", "parquet"],
    judged: Iterable[tuple[PostRow, Verdict]],
    *,
    version: str,
    explain: bool,
) -> None:
    """One row a post, in order."""
    rows = [_row(row, verdict, version) | (_explained(row, verdict) if explain else {}) for row, verdict in judged]
    if form == "parquet":
        schema = pa.schema([*_COLUMNS, *(_EXPLAINING if explain else [])])
        pq.write_table(pa.Table.from_pylist(rows, schema=schema), path)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="ascii", newline="\n")


def _row(row: PostRow, verdict: Verdict, version: str) -> dict[str, Any]:
    said = verdict.probabilities
    return {
        "platform": row.platform,
        "id": str(row.id),
        "score": round(verdict.score, 6),
        "is_lead": verdict.is_lead,
        "intent": verdict.intent.value,
        # A post that was not read, or by the first stage alone, has none.
        "probabilities": {intent.value: round(said.get(intent, 0.0), 6) for intent in Intent} if said else None,
        "language": verdict.language,
        "judged": verdict.is_judged,
        "model": version,
    }


def _explained(row: PostRow, verdict: Verdict) -> dict[str, Any]:
    told = verdict.explanation
    return {
        "evidence": [_span(row, one) for one in verdict.evidence],
        "need": _span(row, told.need) if told and told.need else None,
        "signals": [{"kind": one.kind.value, **_span(row, one.span)} for one in told.signals] if told else [],
    }


def _span(row: PostRow, span: Span | Evidence) -> dict[str, Any]:
    text = row.post.title if span.field == "title" else row.post.body
    return {"field": str(span.field), "start": span.start, "end": span.end, "text": text[span.start : span.end]}
