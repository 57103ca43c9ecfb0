"""An item that was set aside, once more: what its platform says of it by now, at each of them."""

import pytest
import sqlalchemy as sa

from collectors.rereading import Rereading
from overheard.errors import CollectorError, InvalidInput
from overheard.listening.intake import Erased, Rejected, take_in
from overheard.listening.posts import NewPost
from overheard.models import DeadLetter, Post
from tests.collectors.places import EVERYWHERE, at, read, source, write
from tests.fakeworld.faults import Answer
from tests.fakeworld.model import Written
from tests.histories import Life

pytestmark = pytest.mark.alternate_databases


def _written(life: Life) -> tuple[Written, str]:
    """A post that was read, and our id of it."""
    written = write(life, "Which oven for rye?")
    read(life)
    with life.sessions() as session:
        return written, session.scalars(sa.select(Post.external_id).where(Post.body.contains("for rye"))).one()


def _set_aside(life: Life, external_id: str | None, *, raw: bytes = b"{}", origin: str | None = None) -> DeadLetter:
    """A dead letter as a collector leaves it behind."""
    rejected = Rejected("the item", "title is missing", raw, life.place.platform, external_id)
    with life.sessions.begin() as session:
        take_in(session, [rejected], origin=origin or source(life).origin, now=life.world.now)
        return session.scalars(sa.select(DeadLetter)).one()


def _reread(life: Life) -> Rereading:
    return Rereading(life.sessions, life.settings, lambda: life.world.now)


@at(*EVERYWHERE)
def test_it_is_what_its_platform_says_of_it_today_or_gone(life: Life) -> None:
    written, external_id = _written(life)
    letter = _set_aside(life, external_id)
    life.world.edit(written, body="Which oven for rye, and by when?")
    (post,) = _reread(life)(letter)
    assert isinstance(post, NewPost)
    assert post.external_id == external_id
    assert "by when?" in post.body
    life.world.delete(written)
    (gone,) = _reread(life)(letter)
    assert isinstance(gone, Erased)
    assert gone.external_id == external_id


@at("github", "discord")
def test_an_account_that_is_refused_is_told_as_its_platform_says(life: Life) -> None:
    _, external_id = _written(life)
    letter = _set_aside(life, external_id)
    life.world.fail(r".", Answer(401), times=99)
    with pytest.raises(CollectorError, match=life.place.platform.display):
        _reread(life)(letter)


@at("telegram")
def test_where_nothing_can_be_asked_for_again_that_is_said(life: Life) -> None:
    letter = _set_aside(life, "17")
    with pytest.raises(InvalidInput, match="Telegram cannot be asked for one post again: drop it"):
        _reread(life)(letter)


@at("hackernews")
@pytest.mark.parametrize(("external_id", "origin"), [(None, None), ("17", "posts.csv")])
def test_what_has_no_id_or_came_from_a_file_cannot_be_asked_for(
    life: Life, external_id: str | None, origin: str | None
) -> None:
    letter = _set_aside(life, external_id, raw=b"17,Which oven?", origin=origin)
    with pytest.raises(InvalidInput, match="Else drop it"):
        _reread(life)(letter)
    assert life.world.asked(r"/item/17") == []


@at("hackernews")
def test_a_line_of_a_file_is_read_as_this_version_reads_it(life: Life) -> None:
    raw = b'{"platform": "reddit", "community": "r/bakers", "id": "t3_9", "title": "Which oven?"}'
    (post,) = _reread(life)(_set_aside(life, "t3_9", raw=raw, origin="posts.jsonl"))
    assert isinstance(post, NewPost)
    assert (post.community, post.title) == ("r/bakers", "Which oven?")
