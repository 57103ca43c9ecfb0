"""Cards are rendered once and kept for a minute; what is shown is what stands in the database all the same."""

from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.leads import claims, do_not_contact
from overheard.leads.qualify import qualify
from overheard.listening.erasure import erase
from overheard.models import Campaign, Lead, Post, Prediction, Query, User
from overheard.vocabulary import Platform
from tests.api.conftest import World
from tests.factories import MODEL, make_campaign, make_lead, measure, new_post, predict, store


def test_nothing_that_is_shown_is_older_than_what_is_stored(world: World) -> None:
    with world.sessions.begin() as session:
        campaign = make_campaign(session, now=world.now, queries={"asks": "crm"})
        post = new_post(external_id="t3_hers", author="ann", title="Which old CRM?", body="The first words.")
        lead = make_lead(session, now=world.now, campaign=campaign, post=post, score=0.83).id
    sam, alice = world.browser(world.cast.sam), world.browser(world.cast.alice)
    key = world.app.state.overheard.key
    assert "The first words." in sam.get("/queue").text == sam.get("/queue").text

    def change(what: object, told: str) -> None:
        """The same minute, other rows: what is told is not there before, and is there for everybody at once."""
        assert told not in sam.get("/queue").text
        with world.sessions.begin() as session:
            what(session) if callable(what) else session.execute(what)  # type: ignore[call-overload]
        assert told in sam.get("/queue").text
        assert told in alice.get("/queue").text

    def second_signal(session: Session) -> None:
        row = store(session, new_post(author="ann", title="More", body="Another CRM"), now=world.now)[0]
        predict(session, row, now=world.now, score=0.6)
        qualify(session, model_version=MODEL, threshold=0.5, now=world.now)

    def elsewhere(session: Session) -> None:
        make_campaign(session, now=world.now, name="Other")
        qualify(session, model_version=MODEL, threshold=0.5, now=world.now)

    def stop(session: Session) -> None:
        sue = session.get_one(User, world.cast.sue.id)
        do_not_contact.add(session, key, Platform.REDDIT, "ann", reason="", actor=sue, now=world.now)

    def close(session: Session) -> None:
        post_id = session.get_one(Lead, lead).top_post_id
        stored = session.get_one(Post, post_id), session.scalars(sa.select(Campaign)).first()
        assert stored[1] is not None
        measure(session, stored[0], stored[1], 0.71, now=world.now, sentence=["body", 0, 3])

    own = Post.external_id == "t3_hers"
    judged = Prediction.post_id == sa.select(Post.id).where(own).scalar_subquery()
    change(sa.update(Post).where(own).values(title="Which new CRM?"), "Which new <")
    change(sa.update(Post).where(own).values(body="Her second words."), "Her second words.")
    change(sa.update(Post).where(own).values(permalink="https://example.org/moved"), "https://example.org/moved")
    change(sa.update(Prediction).where(judged).values(evidence=[["body", 4, 10, 0.9]]), "<mark>second</mark>")
    change(
        sa.update(Prediction).where(judged).values(explanation={"need": ["title", 10, 13], "signals": []}),
        "<span>Needs</span> <bdi>CRM</bdi>",
    )
    change(sa.update(Query).values(name="renamed"), "renamed")
    change(sa.update(Campaign).values(name="Oat CRM"), "<span>Oat CRM</span>")
    change(close, "<q>Her</q>")
    change(sa.update(Lead).where(Lead.id == lead).values(score=0.77), "<b>77</b>")
    change(
        lambda session: claims.assign(session, lead, world.cast.alice, world.cast.sue.id, world.now), "<bdi>Sue</bdi>"
    )
    change(sa.update(User).where(User.name == "Sue").values(name="Susan"), "<bdi>Susan</bdi>")
    change(second_signal, "2 posts by this person")
    change(elsewhere, "<b>Earlier:</b>")
    change(stop, "<b>Do not contact.</b>")
    sam.submit(f"/leads/{lead}/promote")
    assert f'id="lead-{lead}"' not in alice.get("/queue").text
    assert "Her second words." not in alice.get("/queue").text


def test_an_erased_text_is_shown_to_nobody_and_kept_no_longer_than_a_minute(world: World) -> None:
    post = new_post(external_id="t3_hers", title="", body="A canary in the text.")
    world.lead(post=post)
    world.lead(post=new_post(title="Another", author="bob"))
    sam, cards = world.browser(world.cast.sam), world.app.state.overheard.cards
    assert "A canary in the text." in sam.get("/queue").text
    with world.sessions.begin() as session:
        erase(session, {post.key: "deleted"}, now=world.now)
    assert "canary" not in sam.get("/queue").text
    world.passes(timedelta(minutes=1))
    assert "Another" in sam.get("/queue").text
    assert "canary" not in repr(vars(cards))
    cards.forget()
    assert "Another" not in repr(vars(cards))


def test_ages_are_told_to_the_minute(world: World) -> None:
    world.lead(post=new_post(posted_at=world.now - timedelta(minutes=5)))
    sam = world.browser(world.cast.sam)
    for passed, told in ((0, "5 min ago"), (60, "6 min ago"), (120, "8 min ago")):
        world.passes(timedelta(seconds=passed))
        assert told in sam.get("/queue").text
