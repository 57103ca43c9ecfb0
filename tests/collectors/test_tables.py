from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from collectors.formats.records import ImportOptions
from collectors.importing import parse_columns
from overheard.errors import InvalidInput
from overheard.listening.intake import Rejected
from overheard.vocabulary import Platform
from tests.collectors.files import outcomes, own_row, the_post, the_rejected

FORUM = ImportOptions(platform=Platform.OTHER, community="Oven forum")


def write(tmp_path: Path, text: str, encoding: str = "utf-8") -> Path:
    path = tmp_path / "table"
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_any_usual_separator_is_found_and_obvious_columns_need_no_telling(tmp_path: Path, separator: str) -> None:
    lines = ["Subject,Text,From,Created At,Link", "Which oven?,It is for rye.,rita,2026-07-22,https://example.org/1"]
    path = write(tmp_path, "\n".join(line.replace(",", separator) for line in lines))
    post = the_post(outcomes(path, FORUM)[0])
    assert (post.title, post.body, post.author) == ("Which oven?", "It is for rye.", "rita")
    assert (post.permalink, post.posted_at) == ("https://example.org/1", datetime(2026, 7, 22, tzinfo=UTC))
    assert (post.platform, post.community) == (Platform.OTHER, "Oven forum")


def test_columns_can_be_told(tmp_path: Path) -> None:
    path = write(tmp_path, "Betreff,Inhalt,Ort\nOfen?,Für Roggen,bakers\n")
    columns = parse_columns("title=Betreff, body=Inhalt,community=Ort")
    post = the_post(outcomes(path, ImportOptions(columns=columns, platform=Platform.REDDIT))[0])
    assert (post.title, post.body, post.community) == ("Ofen?", "Für Roggen", "r/bakers")


@pytest.mark.parametrize("text", ["title", "title=", "colour=Farbe"])
def test_a_column_map_that_cannot_be_read_is_told(text: str) -> None:
    with pytest.raises(InvalidInput, match="write FIELD=HEADER, where FIELD is one of id, platform"):
        parse_columns(text)


def test_a_column_that_is_not_there_is_told_with_those_that_are(tmp_path: Path) -> None:
    path = write(tmp_path, "title,body\na,b\n")
    with pytest.raises(InvalidInput, match="no column 'Text': it has title, body"):
        outcomes(path, ImportOptions(columns={"body": "Text"}, platform=Platform.OTHER, community="x"))


def test_a_missing_platform_or_community_is_told_before_the_first_row(tmp_path: Path) -> None:
    path = write(tmp_path, "title,body\na,b\n")
    with pytest.raises(InvalidInput, match="no column for the platform"):
        outcomes(path)
    with pytest.raises(InvalidInput, match="no column for the community"):
        outcomes(path, ImportOptions(platform=Platform.OTHER))


def test_quoted_newlines_separators_and_a_byte_order_mark_are_read(tmp_path: Path) -> None:
    path = write(tmp_path, '\ufefftitle,body\r\n"Ovens, again","one ""two""\nthree"\r\n')
    post = the_post(outcomes(path, FORUM)[0])
    assert (post.title, post.body) == ("Ovens, again", 'one "two"\nthree')


def test_a_row_without_an_id_has_one_made_of_its_content(tmp_path: Path) -> None:
    first = outcomes(write(tmp_path, "title,body\na,b\na,c\na,b\n"), FORUM)
    ids = [the_post(outcome).external_id for outcome in first]
    assert ids[0] == ids[2] != ids[1]
    with_another_column = outcomes(write(tmp_path, "title,score,body\na,7,b\n"), FORUM)
    assert the_post(with_another_column[0]).external_id == ids[0]


def test_a_damaged_row_is_rejected_and_the_others_read(tmp_path: Path) -> None:
    path = tmp_path / "table"
    path.write_bytes(b'title,body\ngood,one\n\xff\xfe,two\nmany,cells,here\n"bad"quote,x\n,\n\ngood,three\n"open,end\n')
    found = outcomes(path, FORUM)
    reasons = [(outcome.locator, outcome.reason) for outcome in found if isinstance(outcome, Rejected)]
    assert reasons == [
        ("line 3", "the row is not UTF-8"),
        ("line 4", "the row has 3 cells under 2 headers"),
        ("line 5", "the row cannot be read: ',' expected after '\"'"),
        ("line 6", "title and body are both missing"),
        ("line 9", "the row cannot be read: unexpected end of data"),
    ]
    assert the_rejected(found[1]).raw == b"\xff\xfe,two"
    assert [the_post(found[index]).body for index in (0, 5)] == ["one", "three"]


def test_a_cell_of_a_megabyte_is_read(tmp_path: Path) -> None:
    assert the_post(outcomes(write(tmp_path, f"title,body\nlong,{'crm ' * 262_144}\n"), FORUM)[0]).is_truncated


def test_a_parquet_table_is_read_like_json_lines_and_a_cut_one_is_named(tmp_path: Path) -> None:
    rows = [own_row(1), own_row(2, platform="nowhere"), own_row(3, date=datetime(2026, 7, 22, tzinfo=UTC).isoformat())]
    path = tmp_path / "posts"
    pq.write_table(pa.Table.from_pylist(rows), path)
    first, bad, last = outcomes(path)
    assert (the_post(first).external_id, the_post(last).title) == ("t3_post1", "Question 3")
    assert the_post(first).posted_at == the_post(last).posted_at == datetime(2026, 7, 22, tzinfo=UTC)
    assert (the_rejected(bad).locator, "nowhere" in the_rejected(bad).reason) == ("row 2", True)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InvalidInput, match="posts is damaged or cut off"):
        outcomes(path)
    pq.write_table(pa.table({"colour": ["red"]}), path)
    with pytest.raises(
        InvalidInput, match="is Parquet, but its rows are of no known form: they have the fields colour"
    ):
        outcomes(path)
