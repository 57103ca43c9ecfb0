"""The story: from a file of posts to a person promoting a lead, through every floor, with the shipped model."""

import re
from datetime import datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from api.app import create_app
from classifier.answers import propose_pending
from classifier.model import load_model
from classifier.run import classify_pending
from collectors.importing import import_file
from overheard.db import Sessions
from overheard.labelling import labels
from overheard.leads import funnel
from overheard.marketing import campaigns
from overheard.models import Answer, Lead, Post, Reply
from overheard.replying import answers, replies
from overheard.replying.answers import NewAnswer
from overheard.settings import Settings
from overheard.users import accounts
from overheard.vocabulary import AnswerKind, Role, Stage

POSTS = """
{"id": "t3_1", "platform": "reddit", "community": "r/bakers", "author": "flour_power", "date": "2026-11-19", \
"title": "Which invoicing tool do you use?", \
"body": "We are a bakery with three people. Can anyone recommend a simple invoicing tool that is not expensive?"}
{"id": "t3_2", "platform": "reddit", "community": "r/bakers", "author": "rye_rita", "date": "2026-11-19", \
"title": "My sourdough today", "body": "The crumb came out just right. So happy with it!"}
{"id": "t3_3", "platform": "reddit", "community": "r/bakers", "author": "seller_sid", "date": "2026-11-19", \
"title": "I built an invoicing app for bakers", "body": "It is live now, sign up for the beta and say what you think."}
""".strip()


REPLY = """
With three people you need little more than numbered invoices and a reminder. Ask whether the tool exports to your
bookkeeper's format before anything else, as that is what people regret. If a list of what other bakeries use would
help, say so. I work on Rye, which is one of them.
""".strip()


def test_a_post_becomes_a_lead_that_a_person_promotes_and_answers_and_who_says_yes_is_a_prospect(
    sessions: Sessions, database_url: str, tmp_path: Path, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    # A marketer says what is sold and which words to listen for.
    with sessions.begin() as session:
        sam = accounts.add_user(session, email="sam@example.org", name="Sam", role=Role.SDR, now=now)
        campaigns.create(session, name="Rye", offer="Invoices for bakers.", queries={"invoices": "invoicing"}, now=now)
        link = accounts.make_login_link(session, sam, now=now)
        replies.change_line(session, sam.id, "I work on Rye")

    # Posts come in; the queries meet two of the three.
    (tmp_path / "posts.jsonl").write_text(POSTS)
    assert import_file(sessions, tmp_path / "posts.jsonl", clock=lambda: now).intake.new == 3

    # The model judges all three; only the one who asks becomes a lead.
    result = classify_pending(sessions, load_model(None, None), clock=lambda: now)
    assert (result.posts, result.leads) == (3, 1)

    # Sam logs in, reads the evidence, promotes.
    settings = Settings.model_validate({"home": tmp_path, "database_url": database_url})
    with TestClient(create_app(settings, clock=lambda: now), follow_redirects=True) as browser:
        page = browser.get(f"/login/{link.token}").text
        found = re.search(r'name="csrf" value="(\w+)"', page)
        assert found
        queue = browser.post(f"/login/{link.token}", data={"csrf": found[1]})
        assert "<mark" in queue.text
        assert "flour_power" in queue.text
        assert "seller_sid" not in queue.text
        with sessions.begin() as session:
            lead_id = session.scalars(sa.select(Lead.id)).one()
            token = accounts.make_token(session, sam, name="story", now=now).token
        headers = {"Authorization": f"Bearer {token}"}
        assert browser.post(f"/v1/leads/{lead_id}/promote", headers=headers).status_code == 200

        # Sam writes in their own words, posts it at the platform, and says where it stands.
        reply = browser.post(f"/v1/leads/{lead_id}/replies", headers=headers, json={"text": REPLY}).json()
        address = f"/v1/replies/{reply['id']}"
        assert browser.post(f"{address}/approve", headers=headers, json={}).json()["state"] == "approved"
        there = {"permalink": "https://www.reddit.com/r/bakers/comments/1/_/abc9/"}
        assert browser.post(f"{address}/sent", headers=headers, json=there).json()["state"] == "sent"

        # An answer comes; the machine proposes what it means, and Sam says it.
        with sessions.begin() as session:
            said = NewAnswer("t1_def2", "flour_power", "Yes please, that list would be great!", None, now)
            assert answers.hear(session, session.get_one(Reply, reply["id"]), [said], now=now) == 1
        assert propose_pending(sessions) == 1
        with sessions() as session:
            answer = session.scalars(sa.select(Answer)).one()
        assert answer.proposed is AnswerKind.POSITIVE
        confirmed = browser.post(f"/v1/answers/{answer.id}/confirm", headers=headers, json={"kind": "positive"})
        assert confirmed.status_code == 200
        assert "prospect" in browser.get(f"/leads/{lead_id}").text

    # The decisions stand: stage, events, label.
    with sessions() as session:
        lead = session.scalars(sa.select(Lead)).one()
        assert lead.stage is Stage.PROSPECT
        assert [event.to_stage for event in funnel.timeline(session, lead.id)] == [
            Stage.MARKETING_QUALIFIED,
            Stage.SALES_QUALIFIED,
            Stage.REPLIED,
            Stage.PROSPECT,
        ]
        label = labels.standing(session)[0]
        post = session.get_one(Post, label.post_id)
        assert (post.external_id, label.is_lead) == ("t3_1", True)
