"""Files to import, made for a test. All people and texts are invented."""

import json
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

import zstandard

from collectors.formats.known import recognise
from collectors.formats.records import ImportOptions, Outcome
from collectors.formats.streams import open_input
from overheard.listening.intake import Rejected
from overheard.listening.posts import NewPost


def own_row(number: int, **fields: object) -> dict[str, object]:
    """A row of our own form."""
    return {
        "id": f"t3_post{number}",
        "platform": "reddit",
        "community": "r/bakers",
        "author": f"baker{number}",
        "title": f"Question {number}",
        "body": "We are looking for a simple CRM.",
        "url": f"https://example.org/{number}",
        "date": "2026-07-22",
        **fields,
    }


def reddit_row(number: int, **fields: object) -> dict[str, object]:
    """A submission as a dump holds it."""
    return {
        "id": f"post{number}",
        "name": f"t3_post{number}",
        "subreddit": "bakers",
        "author": f"baker{number}",
        "title": f"Question {number}",
        "selftext": "We are looking for a simple CRM.",
        "created_utc": 1_784_700_000 + number,
        "edited": False,
        "permalink": f"/r/bakers/comments/post{number}/question/",
        "removed_by_category": None,
        **fields,
    }


def jsonl(rows: Iterable[object]) -> bytes:
    """One line a row; bytes are taken as they are."""
    return b"".join((row if isinstance(row, bytes) else json.dumps(row).encode()) + b"\n" for row in rows)


def write_jsonl(path: Path, rows: Iterable[object]) -> Path:
    path.write_bytes(jsonl(rows))
    return path


def write_zst(path: Path, *frames: bytes) -> Path:
    compressor = zstandard.ZstdCompressor(level=3)
    path.write_bytes(b"".join(compressor.compress(frame) for frame in frames))
    return path


def write_zip(path: Path, members: Mapping[str, object]) -> Path:
    """A zip whose members are written as JSON; bytes are taken as they are."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content if isinstance(content, bytes) else json.dumps(content))
    return path


def outcomes(path: Path, options: ImportOptions | None = None) -> list[Outcome]:
    """What the file's records are read as."""
    options = options or ImportOptions()
    with open_input(path) as file:
        return [record() for record in recognise(file, options).records(file, options)]


def the_post(outcome: Outcome) -> NewPost:
    assert isinstance(outcome, NewPost), outcome
    return outcome


def the_rejected(outcome: Outcome) -> Rejected:
    assert isinstance(outcome, Rejected), outcome
    return outcome
