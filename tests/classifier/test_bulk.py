"""Scoring archives: by a judge that counts letters where only the way of the rows matters."""

import json
import multiprocessing
import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import zstandard

from classifier.bulk import BAD, STATE, Counts, Job, bad_rows, on_this_machine, parts, score_all, write_part
from classifier.model import SHIPPED, Verdict, version_of
from classifier.text import PostText
from cli.score import read_archive
from overheard.errors import InvalidInput
from overheard.vocabulary import Intent
from tests.classifier.test_language import GERMAN
from tests.classifier.texts import ASKS_AND_TWINS

ASK, TWIN = ASKS_AND_TWINS[0]


class Counter:
    """Judges by the number of letters."""

    def predict(self, posts: Sequence[PostText], *, explain: bool) -> list[Verdict]:
        said = {Intent.ADVICE: 1.0}
        return [Verdict(len(post.whole) / 1000, len(post.whole) > 20, Intent.ADVICE, said, ()) for post in posts]


def by_letters(job: Job, done: frozenset[str]) -> Iterator[tuple[str, Counts]]:
    for number in range(len(job.archives)):
        for part in parts(job, number, done):
            yield part.name, write_part(job, Counter(), part)  # type: ignore[arg-type]


def make_job(folder: Path, *archives: Path) -> Job:
    return Job(
        archives=archives,
        output=folder / "scores",
        form="jsonl",
        explain=False,
        reader=read_archive,
        model=SHIPPED,
        encoder=None,
        precision="f32",
        version=version_of(SHIPPED),
        part=3,
    )


def write(path: Path, *rows: Mapping[str, object] | bytes) -> Path:
    path.write_bytes(b"\n".join(row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows))
    return path


def archive(path: Path, number: int) -> Path:
    return write(path, *[{"id": f"{path.name}-{one}", "title": "long " * one} for one in range(1, number + 1)])


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def rows(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for path in sorted(folder.glob("[!_]*")) for line in path.read_text().splitlines()]


def test_the_same_rows_in_both_forms_with_what_explains_them_and_what_was_bad_beside(tmp_path: Path) -> None:
    path = write(
        tmp_path / "posts.jsonl",
        {"id": "ask", "platform": "reddit", "community": "r/bakers", "title": ASK.title, "body": ASK.body},
        {"id": 12, "title": "half \ud83d pair", "body": "does anyone know a good tool for this?"},
        b"{",
        {"id": "twin", "title": TWIN.title, "body": TWIN.body},
        {"id": "german", "body": GERMAN},
        {"id": "gone", "title": "[deleted]"},
        b'\xff\xfe{"id": 1}',
    )
    job = replace(make_job(tmp_path, path), explain=True)
    total = score_all(job, on_this_machine)
    assert total == Counts(posts=4, leads=2, not_judged=1, skipped=1, bad=2)
    ask, half, twin, german = rows(job.output)
    assert [row["id"] for row in (ask, half, twin, german)] == ["ask", "12", "twin", "german"]
    assert (ask["platform"], ask["is_lead"], ask["model"], half["platform"]) == ("reddit", True, job.version, "other")
    assert isinstance(ask["probabilities"], dict)
    assert set(ask["probabilities"]) == set(Intent)
    assert sum(ask["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    for span in (*ask["evidence"], ask["need"]):  # type: ignore[misc]
        assert span["text"] == getattr(ASK, span["field"])[span["start"] : span["end"]]
    assert (german["judged"], german["language"], german["probabilities"]) == (False, "de", None)
    assert [(part, one.where) for part, one in bad_rows(job.output)] == [
        ("00000-000000", "line 3"),
        ("00000-000002", "line 7"),
    ]
    other = replace(job, form="parquet", output=tmp_path / "table")
    assert score_all(other, on_this_machine) == total
    table = [row for file in sorted(other.output.glob("*.parquet")) for row in pq.read_table(file).to_pylist()]
    assert table == rows(job.output)


@pytest.mark.parametrize("moment", range(1, 11))
def test_killed_at_any_write_and_begun_again_it_ends_as_if_nothing_had_been(tmp_path: Path, moment: int) -> None:
    archives = (archive(tmp_path / "a", 7), write(tmp_path / "b", b"{", {"id": "b", "title": "one"}))
    whole, broken = make_job(tmp_path / "whole", *archives), make_job(tmp_path / "broken", *archives)
    total = score_all(whole, by_letters)
    process = multiprocessing.get_context("fork").Process(target=_killed, args=(broken, moment))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    with (broken.output / STATE).open("a") as file:
        file.write('{"name": "00000-0')  # a line that did not get through
    assert score_all(broken, by_letters) == total == Counts(posts=8, leads=3, bad=1)
    assert content(broken.output) == content(whole.output)


def _killed(job: Job, moment: int) -> None:
    writes = iter(range(1, moment))
    write_through = os.fsync

    def fsync(fd: Any) -> None:  # noqa: ANN401 - what the real one takes
        write_through(fd)
        if next(writes, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)

    os.fsync = fsync  # in a process of its own, which it ends
    score_all(job, by_letters)


def test_what_was_begun_is_gone_on_with_only_as_it_was_begun_and_by_one_process(tmp_path: Path) -> None:
    job = make_job(tmp_path, archive(tmp_path / "a", 4))
    scored = by_letters(job, frozenset())

    def another_meanwhile(job: Job, _done: frozenset[str]) -> Iterator[tuple[str, Counts]]:
        with pytest.raises(InvalidInput, match="Another process is scoring"):
            score_all(job, by_letters)
        yield from scored

    assert score_all(job, another_meanwhile).posts == 4
    with pytest.raises(InvalidInput, match=r"scored otherwise \(model\): choose another folder"):
        score_all(replace(job, version="another"), by_letters)
    archive(tmp_path / "a", 5)
    with pytest.raises(InvalidInput, match=r"otherwise \(archives\)"):
        score_all(job, by_letters)


def test_of_a_damaged_archive_all_before_the_damage_is_scored_and_the_next_one_too(tmp_path: Path) -> None:
    cut = archive(tmp_path / "plain", 4)
    packed = tmp_path / "cut.zst"
    packed.write_bytes(_packed(cut.read_bytes())[:-4])
    job = make_job(tmp_path, packed, archive(tmp_path / "next", 2))
    total = score_all(job, by_letters)
    assert (total.bad, total.posts >= 2) == (1, True)
    assert [row["id"] for row in rows(job.output)][-2:] == ["next-1", "next-2"]
    assert "is cut off" in next(bad_rows(job.output))[1].reason
    assert list((job.output / BAD).iterdir())


def _packed(content: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(content)
