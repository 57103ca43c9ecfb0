import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from collectors.formats.records import ImportOptions, Outcome
from collectors.formats.streams import MAX_LINE
from overheard.errors import InvalidInput
from overheard.listening.intake import MAX_RAW, Erased, Rejected
from overheard.listening.posts import NewPost
from overheard.vocabulary import Platform, PostKind
from tests.collectors.files import outcomes, own_row, reddit_row, the_post, the_rejected, write_jsonl


def read_one(tmp_path: Path, row: object, options: ImportOptions | None = None) -> Outcome:
    """The outcome of a row that stands under a good one."""
    return outcomes(write_jsonl(tmp_path / "rows", [own_row(0), row]), options)[1]


def test_a_row_of_our_own_form_becomes_a_post(tmp_path: Path) -> None:
    assert the_post(read_one(tmp_path, own_row(1))) == NewPost(
        platform=Platform.REDDIT,
        external_id="t3_post1",
        community="r/bakers",
        author="baker1",
        title="Question 1",
        body="We are looking for a simple CRM.",
        permalink="https://example.org/1",
        posted_at=datetime(2026, 7, 22, tzinfo=UTC),
    )


def test_the_same_post_has_the_same_key_however_it_comes(tmp_path: Path) -> None:
    api = {"kind": "t3", "data": reddit_row(1)}
    rows = [own_row(1), reddit_row(1), api, reddit_row(1, name=None)]
    assert {the_post(outcome).key for outcome in outcomes(write_jsonl(tmp_path / "rows", rows))} == {
        (Platform.REDDIT, "t3_post1")
    }


@pytest.mark.parametrize(
    ("fields", "key", "kind"),
    [
        ({"id": "hn_123", "platform": "hackernews"}, (Platform.HACKERNEWS, "123"), PostKind.SUBMISSION),
        ({"id": 123, "platform": "Hacker News"}, (Platform.HACKERNEWS, "123"), PostKind.SUBMISSION),
        ({"id": "t1_abc"}, (Platform.REDDIT, "t1_abc"), PostKind.COMMENT),
        (
            {"id": "slack_C1_1518117699.000306", "platform": "slack", "community": "acme/C1"},
            (Platform.SLACK, "acme:C1:1518117699.000306"),
            PostKind.MESSAGE,
        ),
    ],
)
def test_ids_become_the_platforms_own(
    tmp_path: Path, fields: dict[str, object], key: tuple[Platform, str], kind: PostKind
) -> None:
    post = the_post(read_one(tmp_path, own_row(1, **fields)))
    assert (post.key, post.kind) == (key, kind)


@pytest.mark.parametrize(
    ("date", "posted_at"),
    [
        ("2026-07-22", datetime(2026, 7, 22, tzinfo=UTC)),
        ("2026-07-22T10:00:00+02:00", datetime(2026, 7, 22, 8, tzinfo=UTC)),
        ("2026-07-22T10:00:00Z", datetime(2026, 7, 22, 10, tzinfo=UTC)),
        (1784714400, datetime(2026, 7, 22, 10, tzinfo=UTC)),
        ("1784714400", datetime(2026, 7, 22, 10, tzinfo=UTC)),
        ("", None),
        (None, None),
    ],
)
def test_dates_are_read_in_their_usual_forms(tmp_path: Path, date: object, posted_at: datetime | None) -> None:
    assert the_post(read_one(tmp_path, own_row(1, date=date))).posted_at == posted_at


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (b'{"id": "t3_x", ', "the line is not JSON"),
        (b"[1, 2]", "the line is a list, not an object"),
        (b'{"id": "\xff"}', "byte 9 of the line is not UTF-8"),
        (b"[" * 100_000, "the line is not JSON"),
        (own_row(1, id=None), "id is missing"),
        (own_row(1, id=[1]), "id is a list, not a text"),
        (own_row(1, id=True), "id is a bool, not a text"),
        (own_row(1, id="x" * 600), "external_id must have 1 to 512 characters"),
        (own_row(1, title=["a"]), "title is a list, not a text"),
        (own_row(1, title="", body=None), "title and body are both missing"),
        (own_row(1, platform="myspace"), "platform 'myspace' is none of reddit, slack, hackernews, "),
        (own_row(1, platform=None), "platform is missing"),
        (own_row(1, community=""), "community is missing"),
        (own_row(1, date="last week"), "date is no time that can be read: 'last week'"),
        (own_row(1, date=1e300), "date is no time that can be read"),
        ({"hello": 1}, "the row is of no known form"),
        ({"kind": "t3", "data": None}, "data is missing"),
        (reddit_row(1, name="t5_abc"), "'t5_abc' is no id of a submission or comment"),
    ],
)
def test_a_malformed_row_is_rejected_with_its_line_its_reason_and_itself(
    tmp_path: Path, row: object, reason: str
) -> None:
    rejected = the_rejected(read_one(tmp_path, row))
    assert rejected.reason.startswith(reason)
    assert rejected.locator == "line 2"
    assert rejected.raw == (row if isinstance(row, bytes) else json.dumps(row).encode())[:MAX_RAW]


def test_a_rejected_row_carries_its_key_where_it_has_one_so_that_an_erasure_finds_it(tmp_path: Path) -> None:
    rejected = the_rejected(read_one(tmp_path, own_row(1, title=[])))
    assert (rejected.platform, rejected.external_id) == (Platform.REDDIT, "t3_post1")


@pytest.mark.parametrize("make_row", [own_row, reddit_row])
@pytest.mark.parametrize("value", [None, 7, 1.5, True, [], {}, ["x"], {"a": 1}, "", "\ud800", "\x00", -1e99])
def test_no_field_of_any_kind_can_stop_the_reading(tmp_path: Path, make_row: type, value: object) -> None:
    rows = [
        row for name in make_row(1) for row in ({**make_row(1), name: value}, {"kind": "t1", "data": {name: value}})
    ]
    rows += [{field: content for field, content in make_row(1).items() if field != name} for name in make_row(1)]
    found = outcomes(write_jsonl(tmp_path / "rows", [own_row(0), *rows]))
    assert len(found) == len(rows) + 1
    assert all(isinstance(outcome, NewPost | Rejected | Erased) for outcome in found)


def test_platform_and_community_can_be_told(tmp_path: Path) -> None:
    row = {"id": "7", "title": "Which oven?"}
    post = the_post(read_one(tmp_path, row, ImportOptions(platform=Platform.OTHER, community="Oven forum")))
    assert (post.platform, post.community) == (Platform.OTHER, "Oven forum")


def test_a_community_of_reddit_is_named_in_one_way(tmp_path: Path) -> None:
    names = ("bakers", "r/bakers", "/r/bakers")
    assert {the_post(read_one(tmp_path, own_row(1, community=name))).community for name in names} == {"r/bakers"}


def test_blank_lines_a_byte_order_mark_and_a_missing_last_newline_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "rows"
    first, second = (json.dumps(own_row(number)).encode() for number in (1, 2))
    path.write_bytes(b"\xef\xbb\xbf" + first + b"\r\n\n  \n" + second)
    assert [the_post(outcome).title for outcome in outcomes(path)] == ["Question 1", "Question 2"]


def test_a_line_that_is_too_long_is_rejected_and_the_next_one_read(tmp_path: Path) -> None:
    rows = [own_row(1), own_row(2, body="x" * (3 * MAX_LINE)), own_row(3)]
    _, too_long, after = outcomes(write_jsonl(tmp_path / "rows", rows))
    assert the_rejected(too_long).reason == f"the line is longer than {MAX_LINE} bytes"
    assert len(the_rejected(too_long).raw) == MAX_RAW
    assert the_post(after).external_id == "t3_post3"


def test_a_post_of_a_megabyte_is_read(tmp_path: Path) -> None:
    assert the_post(read_one(tmp_path, own_row(1, body="crm " * 262_144))).is_truncated


def test_a_damaged_first_line_does_not_hide_what_the_file_is(tmp_path: Path) -> None:
    found = outcomes(write_jsonl(tmp_path / "rows", [b"oops", own_row(1)]))
    assert [type(outcome) for outcome in found] == [Rejected, NewPost]


def test_rows_of_no_known_form_are_named_by_their_fields(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "rows", [{"temperature": 3, "city": "Ulm"}])
    with pytest.raises(InvalidInput, match="its rows are of no known form: they have the fields city, temperature"):
        outcomes(path)
