"""Labels as they ship: ids with what was said about them, never a text; and which ids training must not see."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from pathlib import Path

from classifier.rows import LabelledRow, PostRow, RowId, read_labelled, read_posts
from overheard.errors import InvalidInput, ModelError

FOLDER = Path(__file__).parent / "labels"
HELD_OUT = FOLDER / "dev.sha256"

# How `data/README` calls a draw that evaluation is for; training rows were drawn for their words.
_RANDOM_DRAW = "random"


def write_labels(rows: Iterable[LabelledRow], path: Path) -> None:
    """Id, label and doubt of each row."""
    lines = [json.dumps({"id": row.id, "label": row.label, "unsure": row.unsure}) + "\n" for row in rows]
    path.write_text("".join(lines), encoding="ascii")


def join_posts(labels: Path, posts: Path) -> list[LabelledRow]:
    """Labelled rows with the texts of a file of posts, found by id."""
    texts = {str(row.id): row for row in read_posts(posts) if isinstance(row, PostRow)}
    rows = read_labelled(labels)
    if missing := [row.id for row in rows if row.id not in texts]:
        raise InvalidInput(
            f"{posts} lacks {len(missing)} of the {len(rows)} posts that {labels} speaks of: {missing[0]}…"
        )
    return [replace(row, post=texts[row.id].post, platform=texts[row.id].platform) for row in rows]


def write_held_out(rows: Iterable[LabelledRow], path: Path = HELD_OUT) -> None:
    """The fingerprints of rows that training must refuse."""
    path.write_text("".join(sorted(f"{_fingerprint(row.id)}\n" for row in rows)), encoding="ascii")


def refuse_held_out(rows: Iterable[LabelledRow], fingerprints: Path = HELD_OUT) -> None:
    """A model that has seen the rows it is measured on is measured wrongly: say so before any is trained."""
    held_out = _read(fingerprints)
    seen = [row for row in rows if row.draw == _RANDOM_DRAW or _fingerprint(row.id) in held_out]
    if seen:
        raise ModelError(
            f"{len(seen)} of these rows are kept for evaluation; training must never see them. The first: {seen[0].id}."
        )


def is_held_out(row_id: RowId) -> bool:
    """Whether evaluation is for this row, whatever file it stands in."""
    return _fingerprint(str(row_id)) in _read(HELD_OUT)


@cache
def _read(fingerprints: Path) -> frozenset[str]:
    return frozenset(fingerprints.read_text(encoding="ascii").split())


def _fingerprint(row_id: str) -> str:
    return hashlib.sha256(row_id.encode(errors="surrogatepass")).hexdigest()
