import json
from pathlib import Path

import pytest

from classifier import rows
from classifier.rows import BadRow, PostRow, read_labelled, read_posts
from classifier.text import PostText
from overheard.errors import InvalidInput
from overheard.vocabulary import Intent


def test_title_body_and_platform_may_be_missing_or_null(tmp_path: Path) -> None:
    path = tmp_path / "posts.jsonl"
    path.write_text('{"id": "a"}\n\n{"id": 7, "title": null, "body": "b", "platform": "slack"}\n')
    assert list(read_posts(path)) == [
        PostRow("a", "other", PostText("", "")),
        PostRow(7, "slack", PostText("", "b")),
    ]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"id": "a"', "not JSON: Expecting"),
        (b'["a"]', "not a JSON object"),
        (b'{"title": "no id"}', "no id"),
        (b'{"id": ""}', "no id"),
        (b'{"id": true}', "no id"),
        (b'{"id": "a", "title": 5}', "title is not a string"),
        (b'{"id": "a", "body": ["x"]}', "body is not a string"),
        (b'{"id": "a", "title": "caf\xe9"}', "not UTF-8 at byte 26"),
        (b"[" * 100_000, "not JSON that can be read"),
        (b'{"id": ' + b"9" * 10_000 + b"}", "not JSON that can be read"),
        (b"\x00\x01\x02", "not JSON"),
    ],
)
def test_a_line_that_is_no_post_says_why_and_stops_no_other(tmp_path: Path, line: bytes, reason: str) -> None:
    path = tmp_path / "posts.jsonl"
    path.write_bytes(b'{"id": "first"}\n' + line + b'\n{"id": "last"}')
    first, bad, last = read_posts(path)
    assert isinstance(bad, BadRow)
    assert bad.line == 2
    assert bad.reason.startswith(reason)
    assert [row.id for row in (first, last) if isinstance(row, PostRow)] == ["first", "last"]


def test_a_line_without_end_is_passed_over_and_counted_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "MAX_LINE_BYTES", 100)
    path = tmp_path / "posts.jsonl"
    path.write_text(json.dumps({"id": "long", "body": "x" * 1000}) + '\n{"id": "short"}\n')
    bad, good = read_posts(path)
    assert bad == BadRow(1, "longer than 100 bytes")
    assert good == PostRow("short", "other", PostText("", ""))


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(InvalidInput, match=r"nowhere\.jsonl cannot be read"):
        list(read_posts(Path("nowhere.jsonl")))


def test_labelled_rows_carry_label_and_doubt(tmp_path: Path) -> None:
    path = tmp_path / "labelled.jsonl"
    path.write_text('{"id": "a", "title": "t", "label": "pain", "unsure": true, "draw": "cue"}\n')
    (row,) = read_labelled(path)
    assert (row.label, row.unsure, row.draw) == (Intent.PAIN, True, "cue")


@pytest.mark.parametrize("text", ["", '{"id": "a"}\n', '{"id": "a", "label": "angry"}\n', "{\n"])
def test_one_bad_line_refuses_a_labelled_file(tmp_path: Path, text: str) -> None:
    path = tmp_path / "labelled.jsonl"
    path.write_text(text)
    with pytest.raises(InvalidInput):
        read_labelled(path)
