from datetime import datetime

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.errors import InvalidInput, InvalidQuery
from overheard.keywords import query_variables
from overheard.models import Match
from tests.factories import make_campaign, new_post, store


def test_a_list_is_shared_by_queries_and_changing_it_changes_them(session: Session, now: datetime) -> None:
    store(session, new_post(title="Zoho CRM"), new_post(title="HubSpot"), now=now)
    query_variables.set_variable(session, "brands", "pipedrive", now=now)
    query_variables.set_variable(session, "ours", "${brands} OR acme", now=now)
    make_campaign(session, now=now, queries={"q": "title:${ours}"})
    assert session.scalars(sa.select(Match.spans)).all() == []
    query_variables.set_variable(session, "brands", 'hubspot\n"zoho crm"', now=now)
    spans = session.scalars(sa.select(Match.spans).order_by(Match.post_id)).all()
    assert spans == [[["title", 0, 8]], [["title", 0, 7]]]
    with pytest.raises(InvalidQuery, match="holds itself"):
        query_variables.set_variable(session, "brands", "${ours}", now=now)
    with pytest.raises(InvalidInput, match="could then not be read"):
        query_variables.delete_variable(session, "brands")
    assert [one.name for one in query_variables.list_variables(session)] == ["brands", "ours"]
