from datetime import UTC, datetime

import pytest

from collectors.hackernews.items import read_item
from overheard.errors import CollectorError
from overheard.listening.intake import Erased, Rejected
from overheard.listening.posts import NewPost
from overheard.vocabulary import Platform, PostKind

AS_OF = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
TIME = 1_795_000_000


def item(**fields: object) -> dict[str, object]:
    return {
        "id": 7,
        "type": "story",
        "by": "rita",
        "time": TIME,
        "title": "Ask HN: Which oven?",
        "text": "For rye",
        **fields,
    }


def test_an_item_becomes_a_post() -> None:
    assert read_item("7", item(), as_of=AS_OF) == NewPost(
        platform=Platform.HACKERNEWS,
        external_id="7",
        community="Hacker News",
        title="Ask HN: Which oven?",
        body="For rye",
        author="rita",
        permalink="https://news.ycombinator.com/item?id=7",
        posted_at=datetime.fromtimestamp(TIME, UTC),
        as_of=AS_OF,
    )


def test_a_comment_knows_its_parent() -> None:
    post = read_item("7", item(type="comment", title=None, parent=5), as_of=AS_OF)
    assert isinstance(post, NewPost)
    assert (post.kind, post.parent_external_id, post.title) == (PostKind.COMMENT, "5", "")


@pytest.mark.parametrize("type_", ["poll", "job", "story"])
def test_polls_and_jobs_are_submissions(type_: str) -> None:
    post = read_item("7", item(type=type_, text=None), as_of=AS_OF)
    assert isinstance(post, NewPost)
    assert post.kind is PostKind.SUBMISSION


def test_an_option_of_a_poll_is_no_post() -> None:
    assert read_item("7", item(type="pollopt"), as_of=AS_OF) is None


@pytest.mark.parametrize("flag", ["deleted", "dead"])
def test_what_is_deleted_or_dead_is_erased(flag: str) -> None:
    assert read_item("7", {"id": 7, flag: True}, as_of=AS_OF) == Erased(Platform.HACKERNEWS, "7")


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"text": ["x"]}, "text is a list, not a text"),
        ({"time": "soon"}, "time is a str, not a number of seconds"),
        ({"time": 10**20}, "time is out of range"),
        ({"type": "song"}, "type 'song' is not known"),
        ({"title": "", "text": "<p>"}, "title and text are both missing"),
    ],
)
def test_a_malformed_item_is_rejected_with_its_reason(fields: dict[str, object], reason: str) -> None:
    rejected = read_item("7", item(**fields), as_of=AS_OF)
    assert isinstance(rejected, Rejected)
    assert (rejected.reason, rejected.locator, rejected.external_id) == (reason, "item 7", "7")


@pytest.mark.parametrize("value", [None, 7, 1.5, True, [], {}, "", "\ud800", -1])
def test_no_field_can_stop_the_reading(value: object) -> None:
    for name in item(parent=5, deleted=None, dead=None):
        if name != "id":
            read_item("7", item(**{name: value}), as_of=AS_OF)


@pytest.mark.parametrize("answer", [[], "x", 3, {}, {"id": 8}, {"error": "Permission denied"}])
def test_an_answer_that_is_not_the_item_is_somebody_elses(answer: object) -> None:
    with pytest.raises(CollectorError, match="answered item 7 with something else"):
        read_item("7", answer, as_of=AS_OF)
