from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.desk import similar_posts
from overheard.leads import funnel
from overheard.leads.qualify import qualify
from overheard.listening.intake import take_in
from overheard.models import Campaign, Embedding, Lead, Post
from overheard.vocabulary import DisqualifyReason
from tests.factories import Cast, make_campaign, make_lead, new_post, place


@dataclass
class Board:
    """Leads whose strongest posts stand in a plane, each with an author of its own unless one is named."""

    session: Session
    cast: Cast
    now: datetime

    def lead(self, angle: float, *, author: str | None = None, campaign: Campaign | None = None) -> Lead:
        """`angle`: the similarity to a post that stands at 1."""
        post = new_post(author=author or f"at{angle}")
        lead = make_lead(self.session, now=self.now, post=post, campaign=campaign)
        place(self.session, self.session.get_one(Post, lead.top_post_id), angle, (1 - angle**2) ** 0.5)
        return lead

    def promoted(self, angle: float, **wanted: str) -> Lead:
        lead = self.lead(angle, **wanted)  # type: ignore[arg-type] # `lead` checks them
        funnel.promote(self.session, lead.id, actor=self.cast.sam, now=self.now)
        return lead

    def put_out(self, angle: float, reason: DisqualifyReason) -> Lead:
        lead = self.lead(angle)
        funnel.disqualify(self.session, lead.id, reason=reason, actor=self.cast.sam, now=self.now)
        return lead

    def similar(self, lead: Lead) -> list[int]:
        return [found.lead_id for found in similar_posts.similar_posts(self.session, lead)]


@pytest.fixture
def board(session: Session, cast: Cast, now: datetime) -> Board:
    return Board(session, cast, now)


def test_the_three_nearest_decided_posts_are_shown_with_what_was_decided(board: Board) -> None:
    lead = board.lead(1)
    board.lead(0.99)  # nobody has decided on it
    third, first = board.promoted(0.7), board.put_out(0.95, DisqualifyReason.NO_NEED)
    second = board.put_out(0.8, DisqualifyReason.NOT_OUR_ICP)
    board.promoted(0.65)  # the fourth
    found = similar_posts.similar_posts(board.session, lead)
    assert [(one.lead_id, one.is_lead, one.reason) for one in found] == [
        (first.id, False, DisqualifyReason.NO_NEED),
        (second.id, True, DisqualifyReason.NOT_OUR_ICP),
        (third.id, True, None),
    ]
    assert [one.similarity for one in found] == pytest.approx([0.95, 0.8, 0.7], abs=0.002)
    assert found[0].post.id == first.top_post_id


def test_what_is_less_alike_is_not_shown(board: Board) -> None:
    lead = board.lead(1)
    board.promoted(similar_posts.LEAST_SIMILARITY - 0.01)
    assert board.similar(lead) == []
    near = board.promoted(similar_posts.LEAST_SIMILARITY + 0.01)
    assert board.similar(lead) == [near.id]


def test_neither_the_lead_itself_nor_another_post_of_its_author_is_shown(board: Board, now: datetime) -> None:
    lead = board.promoted(1, author="ann")
    make_campaign(board.session, now=now, name="Barley CRM")
    qualify(board.session, model_version="tiny-1", threshold=0.5, now=now)
    same = board.session.scalars(sa.select(Lead).where(Lead.author == "ann", Lead.id != lead.id)).one()
    funnel.promote(board.session, same.id, actor=board.cast.sam, now=now)
    assert board.similar(lead) == []
    assert board.similar(same) == []


def test_a_decision_that_was_taken_back_is_not_shown_and_of_two_the_later_one_is(board: Board, now: datetime) -> None:
    lead, other = board.lead(1), board.promoted(0.9)
    funnel.disqualify(board.session, other.id, reason=DisqualifyReason.STALE, actor=board.cast.sam, now=now)
    assert [one.reason for one in similar_posts.similar_posts(board.session, lead)] == [DisqualifyReason.STALE]
    funnel.undo(board.session, other.id, actor=board.cast.sam, now=now)
    assert [one.reason for one in similar_posts.similar_posts(board.session, lead)] == [None]
    funnel.undo(board.session, other.id, actor=board.cast.sam, now=now)
    assert board.similar(lead) == []


def test_a_post_that_was_edited_since_or_stands_in_another_space_is_not_shown(board: Board, now: datetime) -> None:
    lead, edited, elsewhere = board.lead(1), board.promoted(0.9), board.promoted(0.8)
    post = board.session.get_one(Post, edited.top_post_id)
    edit = new_post(external_id=post.external_id, body="Solved.", author=post.author, as_of=now + timedelta(hours=1))
    take_in(board.session, [edit], origin="test", now=now)
    place(board.session, post, 0.9, 0.4)  # it was measured again
    moved = sa.update(Embedding).where(Embedding.post_id == elsewhere.top_post_id)
    board.session.execute(moved.values(space="another"))
    assert board.similar(lead) == []


def test_only_the_newest_decisions_are_looked_at(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    lead = board.lead(1)
    board.promoted(0.95)
    newest = board.promoted(0.7)
    monkeypatch.setattr(similar_posts, "_NEWEST", 1)
    assert board.similar(lead) == [newest.id]


def test_a_lead_without_a_vector_has_no_similar_posts(session: Session, now: datetime) -> None:
    assert similar_posts.similar_posts(session, make_lead(session, now=now)) == []
