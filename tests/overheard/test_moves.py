from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.errors import InvalidInput, WrongStage
from overheard.labelling.labels import standing
from overheard.leads import funnel
from overheard.models import Label, Lead
from overheard.vocabulary import DisqualifyReason, LeadAction, Stage
from tests.factories import Cast, make_lead


@pytest.fixture
def lead(session: Session, cast: Cast, now: datetime) -> Lead:
    """One that Sam has promoted."""
    lead = make_lead(session, now=now)
    funnel.promote(session, lead.id, actor=cast.sam, now=now)
    return lead


def stage_of(lead: Lead) -> Stage:
    """Where it stands; mypy does not know that a move changes it."""
    return lead.stage


def test_a_second_reply_moves_nothing(session: Session, cast: Cast, now: datetime, lead: Lead) -> None:
    assert funnel.record_reply(session, lead.id, actor=cast.sam, now=now) is not None
    assert funnel.record_reply(session, lead.id, actor=cast.sam, now=now) is None
    funnel.make_prospect(session, lead.id, actor=cast.sam, now=now)
    assert funnel.record_reply(session, lead.id, actor=cast.sam, now=now) is None
    assert lead.stage is Stage.PROSPECT


def test_a_reply_to_a_lead_that_nobody_promoted_is_refused(session: Session, cast: Cast, now: datetime) -> None:
    lead = make_lead(session, now=now)
    with pytest.raises(WrongStage, match="cannot be marked as replied now: Overheard qualified it"):
        funnel.record_reply(session, lead.id, actor=cast.sam, now=now)


def test_a_prospect_has_been_replied_to_first(session: Session, cast: Cast, now: datetime, lead: Lead) -> None:
    with pytest.raises(WrongStage, match="cannot be made a prospect now: Sam promoted it"):
        funnel.make_prospect(session, lead.id, actor=cast.sam, now=now)


def test_what_was_handed_back_waits_in_the_queue_and_its_label_stands(
    session: Session, cast: Cast, now: datetime, lead: Lead
) -> None:
    event = funnel.push_back(session, lead.id, note=" Too early: they decide in spring. ", actor=cast.sam, now=now)
    assert (lead.stage, event.note) == (Stage.MARKETING_QUALIFIED, "Too early: they decide in spring.")
    assert [label.is_lead for label in standing(session)] == [True]
    funnel.undo(session, lead.id, actor=cast.sam, now=now)
    assert lead.stage is Stage.SALES_QUALIFIED


@pytest.mark.parametrize("move", [funnel.push_back, funnel.lose])
def test_handing_back_and_losing_need_a_reason(
    session: Session, cast: Cast, now: datetime, lead: Lead, move: object
) -> None:
    assert callable(move)
    with pytest.raises(InvalidInput, match="say w"):
        move(session, lead.id, note="  ", actor=cast.sam, now=now)
    assert lead.stage is Stage.SALES_QUALIFIED


def test_a_lost_lead_says_nothing_about_its_post(session: Session, cast: Cast, now: datetime, lead: Lead) -> None:
    event = funnel.lose(session, lead.id, note="They stayed with paper.", actor=cast.sam, now=now)
    assert (lead.stage, event.note) == (Stage.LOST, "They stayed with paper.")
    assert [label.is_lead for label in session.scalars(sa.select(Label))] == [True]


Move = Callable[[int], object]


@pytest.fixture
def moves(session: Session, cast: Cast, now: datetime) -> dict[LeadAction, Move]:
    """What Sam can do to a lead."""
    return {
        LeadAction.PROMOTE: lambda lead: funnel.promote(session, lead, actor=cast.sam, now=now),
        LeadAction.PUSH_BACK: lambda lead: funnel.push_back(session, lead, note="n", actor=cast.sam, now=now),
        LeadAction.RECORD_REPLY: lambda lead: funnel.record_reply(session, lead, actor=cast.sam, now=now),
        LeadAction.MAKE_PROSPECT: lambda lead: funnel.make_prospect(session, lead, actor=cast.sam, now=now),
        LeadAction.WIN: lambda lead: funnel.win(session, lead, actor=cast.sam, now=now),
        LeadAction.LOSE: lambda lead: funnel.lose(session, lead, note="n", actor=cast.sam, now=now),
        LeadAction.DISQUALIFY: lambda lead: funnel.disqualify(
            session, lead, reason=DisqualifyReason.STALE, actor=cast.sam, now=now
        ),
        LeadAction.REOPEN: lambda lead: funnel.reopen(session, lead, actor=cast.sam, now=now),
    }


REPLIED = (LeadAction.PROMOTE, LeadAction.RECORD_REPLY)
PROSPECT = (*REPLIED, LeadAction.MAKE_PROSPECT)
WAYS = {
    Stage.MARKETING_QUALIFIED: (),
    Stage.SALES_QUALIFIED: (LeadAction.PROMOTE,),
    Stage.REPLIED: REPLIED,
    Stage.PROSPECT: PROSPECT,
    Stage.WON: (*PROSPECT, LeadAction.WIN),
    Stage.LOST: (*PROSPECT, LeadAction.LOSE),
    Stage.DISQUALIFIED: (LeadAction.DISQUALIFY,),
}


@pytest.mark.parametrize("stage", Stage)
def test_from_each_stage_only_its_own_moves_are_open_and_each_can_be_taken_back(
    session: Session, cast: Cast, now: datetime, moves: dict[LeadAction, Move], stage: Stage
) -> None:
    for action, move in moves.items():
        lead = make_lead(session, now=now)
        for step in WAYS[stage]:
            moves[step](lead.id)
        assert lead.stage is stage
        if stage in funnel.OPEN_FROM[action]:
            move(lead.id)
            funnel.undo(session, lead.id, actor=cast.sam, now=now)
        elif action is not LeadAction.RECORD_REPLY or stage in (Stage.MARKETING_QUALIFIED, Stage.DISQUALIFIED):
            with pytest.raises(WrongStage, match="now: "):
                move(lead.id)
        assert stage_of(lead) is stage


def test_words_that_move_nothing_stand_in_no_ones_way(session: Session, cast: Cast, now: datetime, lead: Lead) -> None:
    for action in LeadAction:
        if not action.is_move:
            funnel.add_word(session, lead, action, actor=cast.sue, now=now, note="a word")
    with pytest.raises(WrongStage, match="Sam promoted it"):
        funnel.promote(session, lead.id, actor=cast.sue, now=now)
    assert funnel.undo(session, lead.id, actor=cast.sam, now=now).to_stage is Stage.MARKETING_QUALIFIED
    assert standing(session) == []


def test_the_glossary_says_of_each_stage_what_the_pages_say() -> None:
    glossary = (Path(__file__).parents[2] / "docs" / "glossary.md").read_text(encoding="utf-8")
    assert [stage for stage in Stage if f"| `{stage.value}` | {stage.sentence} |" not in glossary] == []
