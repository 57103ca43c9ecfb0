"""Who said no is left alone: at lead creation, at the draft, at approving and at sending, and after an erasure."""

from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.errors import InvalidInput, ReplyRefused
from overheard.leads import do_not_contact, funnel, qualify
from overheard.listening import erasure
from overheard.models import DoNotContact, Lead, Post
from overheard.replying import outbox, replies
from overheard.vocabulary import DisqualifyReason, Platform, ReplyState, Stage
from tests.factories import MODEL, Cast, make_campaign, make_lead, new_post, predict, store
from tests.overheard.reply_rows import KEY, approved_to_send, drafted, guard, promoted


def say_no(session: Session, now: datetime, handle: str = "baker1", platform: Platform = Platform.REDDIT) -> None:
    do_not_contact.add(session, KEY, platform, handle, reason="They said so.", actor=None, now=now)


def test_only_a_keyed_hash_is_kept(session: Session, now: datetime) -> None:
    say_no(session, now, "Flour_Power")
    row = session.scalars(sa.select(DoNotContact)).one()
    assert (len(row.handle_hash), "flour" in row.handle_hash) == (64, False)
    assert not do_not_contact.is_listed(session, "another key", Platform.REDDIT, "Flour_Power")


@pytest.mark.parametrize(
    "written", ["flour_power", "u/Flour_Power", "/u/flour_power ", "@FLOUR_power", "\uff46lour_power"]
)
def test_a_handle_is_known_however_it_is_written(session: Session, now: datetime, written: str) -> None:
    say_no(session, now, written)
    assert do_not_contact.is_listed(session, KEY, Platform.REDDIT, "flour_power")
    assert not do_not_contact.is_listed(session, KEY, Platform.MASTODON, "flour_power")
    assert not do_not_contact.is_listed(session, KEY, Platform.REDDIT, "flour_powder", None)


def test_writing_down_twice_keeps_the_first_word_and_nobody_cannot_be_written_down(
    session: Session, now: datetime
) -> None:
    say_no(session, now)
    say_no(session, now + timedelta(days=1))
    assert [row.at for row in do_not_contact.entries(session)] == [now]
    with pytest.raises(InvalidInput, match="handle is empty"):
        say_no(session, now, " @ ")


def test_nobody_on_the_list_becomes_a_lead(session: Session, now: datetime) -> None:
    make_campaign(session, now=now)
    posts = store(
        session, new_post(author="willing"), new_post(author="unwilling"), new_post(author="willing2"), now=now
    )
    for post in posts:
        predict(session, post, now=now)
    say_no(session, now, "unwilling")
    made = qualify.qualify(session, model_version=MODEL, threshold=0.5, now=now, key=KEY)
    assert made == 2
    assert set(session.scalars(sa.select(Lead.author))) == {"willing", "willing2"}
    assert qualify.qualify(session, model_version=MODEL, threshold=0.5, now=now, key=KEY) == 0


def test_the_name_shown_counts_like_the_platforms_own_key(session: Session, cast: Cast, now: datetime) -> None:
    lead = promoted(session, cast.sam, now=now, author="did:plc:abc")
    session.execute(sa.update(Post).values(author_name="baker.example.org"))
    session.expire_all()
    say_no(session, now, "@baker.example.org")
    with pytest.raises(ReplyRefused, match="does not want to hear from us"):
        replies.start_draft(session, lead.id, actor=cast.sam, guard=guard(), now=now)


def test_no_draft_is_begun_and_none_is_approved(session: Session, cast: Cast, now: datetime) -> None:
    draft = drafted(session, cast.sam, now=now)
    other = promoted(session, cast.sam, now=now, number=2)
    say_no(session, now)
    say_no(session, now, "baker2")
    with pytest.raises(ReplyRefused) as approving:
        replies.approve(session, draft.id, actor=cast.sam, guard=guard(), now=now, overrides=["do_not_contact"])
    with pytest.raises(ReplyRefused) as beginning:
        replies.start_draft(session, other.id, actor=cast.sam, guard=guard(), now=now)
    for refused in (approving, beginning):
        (refusal,) = refused.value.refusals
        assert (refusal.guardrail, refusal.may_override) == ("do_not_contact", False)
    assert replies.get(session, draft.id).state is ReplyState.DRAFT


def test_what_was_approved_before_they_said_no_is_not_sent(session: Session, cast: Cast, now: datetime) -> None:
    reply = approved_to_send(session, cast.sam, now=now)
    say_no(session, now)
    assert outbox.take_next(session, guard=guard(), now=now, lease=timedelta(minutes=5)) is None
    settled = replies.get(session, reply.id)
    assert (settled.state, "do-not-contact" in (settled.error or "")) == (ReplyState.FAILED, True)


def test_disqualifying_as_do_not_contact_writes_down_and_undoing_it_takes_off(
    session: Session, cast: Cast, now: datetime
) -> None:
    lead = make_lead(session, now=now, post=new_post(author="flour_power"))
    reason = DisqualifyReason.DO_NOT_CONTACT
    funnel.disqualify(session, lead.id, reason=reason, actor=cast.sam, now=now, key=KEY)
    assert do_not_contact.is_listed(session, KEY, Platform.REDDIT, "flour_power")
    funnel.undo(session, lead.id, actor=cast.sam, now=now)
    assert not do_not_contact.is_listed(session, KEY, Platform.REDDIT, "flour_power")


def test_undoing_leaves_those_who_were_written_down_before(session: Session, cast: Cast, now: datetime) -> None:
    lead = make_lead(session, now=now, post=new_post(author="flour_power"))
    say_no(session, now - timedelta(days=1), "flour_power")
    reason = DisqualifyReason.DO_NOT_CONTACT
    funnel.disqualify(session, lead.id, reason=reason, actor=cast.sam, now=now, key=KEY)
    funnel.undo(session, lead.id, actor=cast.sam, now=now)
    assert session.get_one(Lead, lead.id).stage is Stage.MARKETING_QUALIFIED
    assert do_not_contact.is_listed(session, KEY, Platform.REDDIT, "flour_power")


def test_the_list_survives_the_erasure_of_all_they_wrote(session: Session, cast: Cast, now: datetime) -> None:
    lead = promoted(session, cast.sam, now=now)
    funnel.disqualify(session, lead.id, reason=DisqualifyReason.DO_NOT_CONTACT, actor=cast.sam, now=now, key=KEY)
    erasure.erase(session, {(Platform.REDDIT, "t3_ask1"): "deleted"}, now=now)
    assert session.scalar(sa.select(sa.func.count()).select_from(Lead)) == 0
    assert do_not_contact.is_listed(session, KEY, Platform.REDDIT, "baker1")


def test_an_export_is_taken_in_elsewhere_with_the_same_key(session: Session, now: datetime) -> None:
    say_no(session, now)
    rows = [",".join(do_not_contact.COLUMNS), *(",".join(row) for row in do_not_contact.export_rows(session, KEY))]
    session.execute(sa.delete(DoNotContact))
    done = do_not_contact.import_rows(session, KEY, rows, actor=None, now=now)
    assert (done.added, done.known, done.bad) == (1, 0, [])
    assert do_not_contact.is_listed(session, KEY, Platform.REDDIT, "baker1")


def test_hashes_of_another_key_are_refused_and_who_is_not_heard_stays_unheard(session: Session, now: datetime) -> None:
    do_not_contact.leave_unheard(session, do_not_contact.hash_of(KEY, Platform.REDDIT, "rosa"), actor=None, now=now)
    rows = [",".join(do_not_contact.COLUMNS), *(",".join(row) for row in do_not_contact.export_rows(session, KEY))]
    session.execute(sa.delete(DoNotContact))
    [refused] = do_not_contact.import_rows(session, "another key", rows, actor=None, now=now).bad
    assert "another secret key" in refused
    assert do_not_contact.import_rows(session, KEY, rows, actor=None, now=now).added == 1
    rosa = (Platform.REDDIT, "Rosa")
    assert do_not_contact.unheard(session, lambda: KEY, [rosa, (Platform.REDDIT, "mia")]) == {rosa}


def test_a_list_of_handles_is_taken_in_and_each_bad_row_is_told(session: Session, now: datetime) -> None:
    lines = [
        "Platform,Handle,Reason",
        "reddit,baker1,asked by mail",
        "reddit,u/Baker1,",
        "myspace,tom,",
        "slack,,",
        "reddit",
    ]
    done = do_not_contact.import_rows(session, KEY, lines, actor=None, now=now)
    assert (done.added, done.known) == (1, 1)
    assert [row.split(":")[0] for row in done.bad] == ["line 4", "line 5", "line 6"]
    assert "no platform" in done.bad[0]
    assert do_not_contact.entries(session)[0].reason == "asked by mail"


@pytest.mark.parametrize("lines", [[], ["name,mail", "a,b"], ["reddit,baker1"]])
def test_a_file_of_another_kind_is_refused(session: Session, now: datetime, lines: list[str]) -> None:
    with pytest.raises(InvalidInput, match="first line"):
        do_not_contact.import_rows(session, KEY, lines, actor=None, now=now)


def test_a_hash_that_is_none_is_told(session: Session, now: datetime) -> None:
    done = do_not_contact.import_rows(session, KEY, ["hash", "abc"], actor=None, now=now)
    assert done.bad == ["line 2: a hash is 64 digits of 0 to 9 and a to f."]
