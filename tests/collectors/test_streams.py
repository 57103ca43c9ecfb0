import gzip
from pathlib import Path

import pytest

from collectors.formats.streams import open_input
from overheard.errors import InvalidInput
from tests.collectors.files import jsonl, outcomes, own_row, the_post, write_zst

# Texts that hardly compress, so that the files have several blocks.
ROWS = [own_row(number, body=f"{hash((number, 'é')):x} für Zoë 🍞 " * 40) for number in range(400)]


def titles(path: Path) -> list[str]:
    return [the_post(outcome).title for outcome in outcomes(path)]


def test_zst_files_of_several_frames_are_read_whole(tmp_path: Path) -> None:
    path = write_zst(tmp_path / "rows", jsonl(ROWS[:150]), jsonl(ROWS[150:151]), jsonl(ROWS[151:]))
    assert titles(path) == [row["title"] for row in ROWS]


def test_a_frame_may_end_inside_a_line(tmp_path: Path) -> None:
    content = jsonl(ROWS)
    assert titles(write_zst(tmp_path / "rows", content[:1001], content[1001:])) == [row["title"] for row in ROWS]


def test_gzip_files_are_read_too(tmp_path: Path) -> None:
    path = tmp_path / "rows"
    path.write_bytes(gzip.compress(jsonl(ROWS[:10])) + gzip.compress(jsonl(ROWS[10:])))
    assert titles(path) == [row["title"] for row in ROWS]


@pytest.mark.parametrize("wrapping", ["zstd", "gzip"])
def test_a_file_that_is_cut_off_names_the_byte_and_gives_all_whole_lines_before_it(
    tmp_path: Path, wrapping: str
) -> None:
    path = write_zst(tmp_path / "rows", jsonl(ROWS))
    if wrapping == "gzip":
        path.write_bytes(gzip.compress(jsonl(ROWS)))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 9 // 10])
    read: list[bytes] = []
    with open_input(path) as file, pytest.raises(InvalidInput) as caught:
        read.extend(line.raw + b"\n" for line in file.lines())
    assert f"cut off: its {wrapping} data goes on after byte {path.stat().st_size}" in str(caught.value)
    assert len(read) > 100
    assert jsonl(ROWS).startswith(b"".join(read))


@pytest.mark.parametrize("cut", [1, 5])
def test_a_zst_file_that_lacks_its_very_last_bytes_is_cut_off(tmp_path: Path, cut: int) -> None:
    path = write_zst(tmp_path / "rows", jsonl(ROWS))
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(InvalidInput, match="cut off"):
        outcomes(path)


def test_damage_inside_names_the_byte_near_it(tmp_path: Path) -> None:
    path = write_zst(tmp_path / "rows", jsonl(ROWS[:200]), jsonl(ROWS[200:]))
    damaged = bytearray(path.read_bytes())
    border = len(write_zst(tmp_path / "first", jsonl(ROWS[:200])).read_bytes())
    damaged[border] ^= 0xFF
    path.write_bytes(damaged)
    with pytest.raises(InvalidInput, match=rf"damaged: its zstd data cannot be read on near byte {border} "):
        outcomes(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\x7fELF\x02\x01\x01\x00", "is binary, and begins with the bytes 7f 45 4c 46"),
        (b'[{"id": 1}]', "begins like a JSON list"),
        (b"\xff\xfea\x00", "is UTF-16 text"),
        (b"Dear all,\nhello\n", "has the first line 'Dear all,', in which no known field is named"),
        (b"\n\n", "has the first line ''"),
    ],
)
def test_what_cannot_be_read_is_told_with_what_can(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "something.jsonl"
    path.write_bytes(content)
    with pytest.raises(InvalidInput, match=message.replace("[", r"\[")):
        outcomes(path)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="cannot be read: No such file or directory"):
        outcomes(tmp_path / "nothing")
    with pytest.raises(InvalidInput, match="cannot be read: Is a directory"):
        outcomes(tmp_path)
