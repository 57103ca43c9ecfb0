"""Posts in JSON Lines files: one reader for training, evaluation and prediction."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO, TypeAlias

from zstandard import ZstdDecompressor, ZstdError

from classifier.text import PostText
from overheard.errors import InvalidInput
from overheard.vocabulary import Intent

# Longer than any post with its metadata; a line is held in memory as a whole, so it needs a bound.
MAX_LINE_BYTES = 16 * 2**20

RowId: TypeAlias = str | int


@dataclass(frozen=True)
class PostRow:
    """One post to be classified."""

    id: RowId
    platform: str
    post: PostText


@dataclass(frozen=True)
class LabelledRow:
    """One post with what an annotator said about it."""

    id: str
    platform: str
    post: PostText
    label: Intent
    unsure: bool
    draw: str
    category: str = ""
    """What kind of product a lead needs; empty where nobody said."""
    need: str = ""
    """What a lead needs, in a few words; empty where nobody said."""


@dataclass(frozen=True)
class BadRow:
    """A line that is not a post."""

    line: int
    reason: str


class _Malformed(ValueError):
    pass


def read_posts(path: Path) -> Iterator[PostRow | BadRow]:
    """Each line of the file as a post, or as the reason why it is none. Blank lines are passed over."""
    for line, raw in _lines(path):
        try:
            yield _post_row(_object(raw))
        except _Malformed as error:
            yield BadRow(line, str(error))


def read_labelled(path: Path) -> list[LabelledRow]:
    """All labelled rows of a file; one bad line refuses the file, as figures on a part of it would mislead."""
    rows = []
    for line, raw in _lines(path):
        try:
            rows.append(_labelled_row(_object(raw)))
        except _Malformed as error:
            raise InvalidInput(f"{path}, line {line}: {error}.") from error
    if not rows:
        raise InvalidInput(f"{path} holds no rows.")
    return rows


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Of a file as it is, or of a `.zst` file unpacked."""
    try:
        with path.open("rb") as packed:
            file = BufferedReader(ZstdDecompressor().stream_reader(packed)) if path.suffix == ".zst" else packed
            yield from _numbered(file)
    except (OSError, ZstdError) as error:
        raise InvalidInput(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}.") from error


def _numbered(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    number = 0
    while raw := file.readline(MAX_LINE_BYTES + 1):
        number += 1
        if len(raw) > MAX_LINE_BYTES:
            _skip_line(file)
        if raw.strip():
            yield number, raw


def _skip_line(file: BinaryIO) -> None:
    while (rest := file.readline(MAX_LINE_BYTES)) and not rest.endswith(b"\n"):
        pass


def _object(raw: bytes) -> dict[str, object]:
    if len(raw) > MAX_LINE_BYTES:
        raise _Malformed(f"longer than {MAX_LINE_BYTES} bytes")
    try:
        value = json.loads(raw.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise _Malformed(f"not UTF-8 at byte {error.start + 1} of the line") from error
    except json.JSONDecodeError as error:
        raise _Malformed(f"not JSON: {error.msg} at character {error.pos + 1}") from error
    except (RecursionError, ValueError) as error:  # nested too deep; an integer of thousands of digits
        raise _Malformed("not JSON that can be read") from error
    if not isinstance(value, dict):
        raise _Malformed("not a JSON object")
    return value


def _post_row(value: dict[str, object]) -> PostRow:
    identity = value.get("id")
    if isinstance(identity, bool) or not isinstance(identity, str | int) or identity == "":
        raise _Malformed("no id")
    post = PostText.of(title=_text(value, "title"), body=_text(value, "body"))
    return PostRow(id=identity, platform=_text(value, "platform") or "other", post=post)


def _labelled_row(value: dict[str, object]) -> LabelledRow:
    row = _post_row(value)
    label = _text(value, "label")
    if label not in list(Intent):
        raise _Malformed(f"label {label!r} is none of {', '.join(Intent)}")
    return LabelledRow(
        id=str(row.id),
        platform=row.platform,
        post=row.post,
        label=Intent(label),
        unsure=bool(value.get("unsure")),
        draw=_text(value, "draw"),
        category=_text(value, "category"),
        need=_text(value, "need"),
    )


def _text(value: dict[str, object], field: str) -> str:
    text = value.get(field)
    if text is None:
        return ""
    if not isinstance(text, str):
        raise _Malformed(f"{field} is not a string")
    return text
