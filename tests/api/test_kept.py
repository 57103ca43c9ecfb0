"""A page that nobody can have changed is given again without being made again; everything that can change it does."""

from datetime import timedelta

import sqlalchemy as sa

from overheard.models import Lead, Login, User
from tests.api.conftest import World
from tests.factories import make_lead


def test_a_kept_page_is_as_new_as_the_database_and_the_clock(world: World) -> None:
    with world.sessions.begin() as session:
        lead = make_lead(session, now=world.now).id
        session.execute(
            sa.update(Lead).values(claimed_by_id=world.cast.alice.id, claimed_until=world.now + timedelta(seconds=20))
        )
    sam, alice = world.browser(world.cast.sam), world.browser(world.cast.alice)
    watch = world.app.state.overheard.kept._watch  # noqa: SLF001 - what the page asks, asked alone
    assert watch.state() == watch.state()

    looked = sam.get("/queue").text
    assert "is looking at" in looked
    assert sam.get("/queue").text == looked
    assert f'id="lead-{lead}"' in alice.get("/queue").text  # whose page is not his
    sam.cookies.set("overheard_theme", "dark")
    assert 'data-theme="dark"' in sam.get("/queue").text

    world.passes(timedelta(seconds=21))  # within the minute, and nobody has done anything
    assert f'id="lead-{lead}"' in sam.get("/queue").text

    before = watch.state()
    sam.submit(f"/leads/{lead}/promote")
    assert watch.state() != before
    assert 'class="flash' in sam.get("/queue").text  # shown once
    assert 'class="flash' not in sam.get("/queue").text
    assert f'id="lead-{lead}"' not in sam.get("/queue").text

    with world.sessions.begin() as session:
        ends = world.clock[0] + timedelta(seconds=5)
        session.execute(sa.update(Login).where(Login.user_id == world.cast.alice.id).values(expires_at=ends))
        session.execute(sa.update(User).where(User.id == world.cast.sam.id).values(disabled_at=ends))
    assert not sam.get("/queue").is_success
    assert alice.get("/queue").is_success
    world.passes(timedelta(seconds=6))
    assert not alice.get("/queue").is_success
