from datetime import UTC, datetime
from pathlib import Path

import pytest

from collectors.formats.records import Outcome, Skipped
from overheard.listening.intake import Erased
from overheard.vocabulary import Platform, PostKind
from tests.collectors.files import outcomes, own_row, reddit_row, the_post, write_jsonl

GONE = Erased(Platform.REDDIT, "t3_post1")


def read_one(tmp_path: Path, row: dict[str, object]) -> Outcome:
    return outcomes(write_jsonl(tmp_path / "rows", [row]))[0]


def comment(**fields: object) -> dict[str, object]:
    return {
        "id": "com1",
        "subreddit": "bakers",
        "author": "flour_power",
        "body": "Try a notebook.",
        "created_utc": 1_784_700_000,
        "link_id": "t3_post1",
        "parent_id": "t1_com0",
        **fields,
    }


def test_a_comment_of_a_dump_knows_its_parent_and_its_address(tmp_path: Path) -> None:
    post = the_post(read_one(tmp_path, comment()))
    assert (post.external_id, post.kind, post.parent_external_id) == ("t1_com1", PostKind.COMMENT, "t1_com0")
    assert post.permalink == "https://www.reddit.com/comments/post1/_/com1"


def test_a_submission_has_its_address_and_community(tmp_path: Path) -> None:
    post = the_post(read_one(tmp_path, {"kind": "t3", "data": reddit_row(1)}))
    assert post.permalink == "https://www.reddit.com/r/bakers/comments/post1/question/"
    assert (post.community, post.author, post.kind) == ("r/bakers", "baker1", PostKind.SUBMISSION)


@pytest.mark.parametrize(
    "fields",
    [
        {"selftext": "[deleted]"},
        {"selftext": "[removed]"},
        {"selftext": "[ Removed by Reddit ]"},
        {"title": "[deleted by user]", "selftext": ""},
        {"selftext": "", "removed_by_category": "moderator"},
        {"_meta": {"was_deleted_later": True}},
        {"_meta": {"was_initially_deleted": True}},
    ],
)
def test_what_was_deleted_or_removed_is_an_erasure_and_never_text(tmp_path: Path, fields: dict[str, object]) -> None:
    assert read_one(tmp_path, reddit_row(1, **fields)) == GONE


@pytest.mark.parametrize("text", ["[deleted]", "[removed]"])
def test_the_same_holds_in_our_own_form(tmp_path: Path, text: str) -> None:
    assert read_one(tmp_path, own_row(1, body=text)) == GONE


def test_a_post_about_deleting_is_a_post(tmp_path: Path) -> None:
    assert the_post(read_one(tmp_path, reddit_row(1, selftext="[deleted] is all I see"))).body


@pytest.mark.parametrize("author", ["[deleted]", None])
def test_a_deleted_account_leaves_no_author(tmp_path: Path, author: str | None) -> None:
    assert the_post(read_one(tmp_path, reddit_row(1, author=author))).author is None


@pytest.mark.parametrize(
    ("edited", "as_of"), [(False, 1_784_700_001), (None, 1_784_700_001), (1_784_800_000.0, 1_784_800_000)]
)
def test_an_edit_tells_since_when_the_text_holds(tmp_path: Path, edited: object, as_of: int) -> None:
    assert the_post(read_one(tmp_path, reddit_row(1, edited=edited))).as_of == datetime.fromtimestamp(as_of, UTC)


def test_an_edit_without_its_time_holds_since_the_row_was_fetched(tmp_path: Path) -> None:
    row = reddit_row(1, edited=True, retrieved_on=1_784_900_000)
    assert the_post(read_one(tmp_path, row)).as_of == datetime.fromtimestamp(1_784_900_000, UTC)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("flour &amp; water &lt;3", "flour & water <3"),
        ("flour & water &lt;3", "flour & water &lt;3"),
        ("he typed &amp;lt;", "he typed &lt;"),
        ("above\n\n&amp;#x200B;\n\nbelow", "above\n\n\n\nbelow"),
        ("above\n\n&#x200B;\n\nbelow", "above\n\n\n\nbelow"),
    ],
)
def test_escaped_text_is_decoded_once_and_other_text_not_at_all(tmp_path: Path, written: str, read: str) -> None:
    assert the_post(read_one(tmp_path, reddit_row(1, selftext=written))).body == read


def test_a_crosspost_without_a_text_of_its_own_has_the_one_it_shares(tmp_path: Path) -> None:
    shared = [{"selftext": "The text that is shared."}]
    assert the_post(read_one(tmp_path, reddit_row(1, selftext="", crosspost_parent_list=shared))).body == (
        "The text that is shared."
    )
    gone = [{"selftext": "[removed]"}]
    assert the_post(read_one(tmp_path, reddit_row(1, selftext="", crosspost_parent_list=gone))).body == ""


def test_the_options_of_a_poll_and_the_captions_of_pictures_are_part_of_the_text(tmp_path: Path) -> None:
    poll = {"options": [{"text": "A notebook"}, {"text": "A CRM"}, {"id": "3"}]}
    assert the_post(read_one(tmp_path, reddit_row(1, selftext="Which?", poll_data=poll))).body == (
        "Which?\n\n- A notebook\n- A CRM"
    )
    gallery = {"items": [{"caption": "Our shop"}, {"media_id": "x"}, {"caption": None}]}
    assert the_post(read_one(tmp_path, reddit_row(1, selftext="", gallery_data=gallery))).body == "Our shop"
    assert read_one(tmp_path, reddit_row(1, selftext="[removed]", poll_data=poll)) == GONE


@pytest.mark.parametrize("garbage", [7, "x", [], {"options": 7}, {"options": ["x", {"text": 7}]}])
def test_a_poll_that_cannot_be_read_takes_no_text_away(tmp_path: Path, garbage: object) -> None:
    assert the_post(read_one(tmp_path, reddit_row(1, selftext="Which?", poll_data=garbage))).body == "Which?"


def test_a_moderation_bot_is_no_person(tmp_path: Path) -> None:
    assert read_one(tmp_path, comment(author="AutoModerator")) == Skipped("written by a bot")


def test_what_is_neither_submission_nor_comment_is_skipped(tmp_path: Path) -> None:
    row: dict[str, object] = {"kind": "t5", "data": {"display_name": "bakers"}}
    assert read_one(tmp_path, row) == Skipped("neither submission nor comment")
