import json
from pathlib import Path

import pytest

from classifier.files import predict_file
from classifier.model import IntentModel
from overheard.errors import InvalidInput
from tests.classifier.texts import ASKS_AND_TWINS

ASK, TWIN = ASKS_AND_TWINS[0]
GOOD = [
    {"id": "ask", "platform": "reddit", "title": ASK.title, "body": ASK.body},
    {"id": 12, "title": None},
    {"id": "twin", "title": TWIN.title, "body": TWIN.body, "label": "promotion"},
    {"id": "odd", "title": "half \ud83d pair", "body": "does anyone know a good tool for this?"},
]


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_each_row_gets_its_line_in_order_with_evidence_as_text(model: IntentModel, tmp_path: Path) -> None:
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in GOOD))
    summary = predict_file(model, source, target)
    written = lines(target)
    assert [line["id"] for line in written] == ["ask", 12, "twin", "odd"]
    assert {tuple(line) for line in written} == {
        ("id", "score", "is_lead", "intent", "evidence", "explanation", "language", "judged")
    }
    assert (summary.rows, summary.bad_rows, summary.bad) == (4, 0, ())
    assert summary.leads == sum(bool(line["is_lead"]) for line in written)
    assert written[0]["is_lead"] is True
    evidence = written[0]["evidence"]
    assert isinstance(evidence, list)
    for span in evidence:
        assert span["text"] == getattr(ASK, span["field"])[span["start"] : span["end"]]


@pytest.mark.parametrize(
    "text", ["", "\x00", "\x00" * 1_000_000, "🙂🔥" * 300, "\ud800", "\udfff\ud800", " \n" * 500_000]
)
def test_a_row_without_a_word_gets_an_answer_that_says_nothing(model: IntentModel, tmp_path: Path, text: str) -> None:
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text(json.dumps({"id": "odd", "body": text}) + "\n" + json.dumps(GOOD[0]))
    assert predict_file(model, source, target).rows == 2
    odd, good = lines(target)
    assert (odd["score"], odd["is_lead"], odd["intent"], odd["judged"]) == (0.0, False, "discussion", True)
    assert (odd["evidence"], odd["language"]) == ([], None)
    assert good["is_lead"] is True


@pytest.mark.parametrize("text", [bytes(range(256)).decode("latin-1") * 4000, "word " * 200_000, "🙂 ok " * 100_000])
def test_a_megabyte_and_binary_get_a_score_like_any_post(model: IntentModel, tmp_path: Path, text: str) -> None:
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text(json.dumps({"id": "odd", "title": text, "body": text}))
    assert predict_file(model, source, target).bad_rows == 0
    (odd,) = lines(target)
    assert isinstance(odd["score"], float)
    assert 0 <= odd["score"] <= 1


def test_bad_rows_are_reported_and_stop_no_other(model: IntentModel, tmp_path: Path) -> None:
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    rows = [
        json.dumps(GOOD[0]).encode(),
        b"{",
        b'{"id": "a", "title": 3}',
        b'\xff\xfe{"id": 1}',
        json.dumps(GOOD[2]).encode(),
    ]
    source.write_bytes(b"\n".join(rows))
    seen: list[int] = []
    summary = predict_file(model, source, target, on_progress=seen.append)
    assert [line["id"] for line in lines(target)] == ["ask", "twin"]
    assert [bad.line for bad in summary.bad] == [2, 3, 4]
    assert (summary.rows, summary.bad_rows, sum(seen)) == (2, 3, 5)


def test_a_failure_half_way_leaves_what_was_there(tmp_path: Path) -> None:
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text('{"id": "a", "title": "b"}\n')
    target.write_text("old")

    class Broken:
        def predict(self, posts: list[object]) -> None:
            raise MemoryError(len(posts))

    with pytest.raises(MemoryError):
        predict_file(Broken(), source, target)  # type: ignore[arg-type]
    assert target.read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.jsonl", "out.jsonl"]


def test_a_place_that_cannot_be_written_is_named(model: IntentModel, tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text('{"id": "a"}\n')
    with pytest.raises(InvalidInput, match=r"out\.jsonl cannot be written"):
        predict_file(model, source, tmp_path / "nowhere" / "out.jsonl")
