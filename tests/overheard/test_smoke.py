from datetime import datetime

from sqlalchemy.orm import Session

from overheard import funnel, review_queue
from overheard.vocabulary import Stage
from tests.factories import Cast, make_lead


def test_smoke(session: Session, cast: Cast, now: datetime) -> None:
    lead = make_lead(session, now=now)
    page = review_queue.page(session)
    assert page.items[0].lead.id == lead.id
    funnel.promote(session, lead.id, actor=cast.sam, now=now)
    assert lead.stage is Stage.SALES_QUALIFIED
    funnel.undo(session, lead.id, actor=cast.sam, now=now)
    assert lead.stage is Stage.MARKETING_QUALIFIED
    assert review_queue.cards(session, lead)[0].matches[0].name == "everything"
