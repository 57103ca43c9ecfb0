"""Who may come in, and what is written down about it."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from overheard.db import Sessions
from overheard.errors import InvalidInput, NotFound
from overheard.models import AuditEntry, LoginFailure, User
from overheard.users import accounts, audit, invitations, own_account, people, throttle
from overheard.users.accounts import LoginRefused, LoginThrottled
from overheard.users.audit import Wanted
from overheard.users.own_account import WrongPassword
from overheard.users.people import LastAdmin
from overheard.vocabulary import AuditAction, Role, Scope
from tests.factories import Cast, make_cast

PASSWORD = "a long enough password"


def _log(session: Session, **wanted: object) -> list[str]:
    found = audit.entries(session, Wanted(**wanted))  # type: ignore[arg-type] # the fields of Wanted
    return [f"{entry.action}: {entry.subject}: {entry.detail}" for entry in found]


def test_who_is_invited_chooses_a_password_and_comes_in_once(session: Session, cast: Cast, now: datetime) -> None:
    user, secret = invitations.invite(
        session, email="nia@example.org", name="Nia", role=Role.MARKETER, actor=cast.alice, now=now
    )
    assert user.password_hash is None
    later = now + timedelta(days=6)
    assert accounts.link_user(session, secret.token, now=later) is user  # looking uses nothing up
    assert invitations.accept(session, secret.token, name=" Nia B ", password=PASSWORD, now=later) is user
    assert user.name == "Nia B"
    assert accounts.check_password(session, email=user.email, password=PASSWORD, now=later) is user
    with pytest.raises(LoginRefused):
        accounts.link_user(session, secret.token, now=later)
    assert _log(session)[0] == f"user_invited: user {user.id} (nia@example.org): as marketer"


def test_an_invitation_ends_after_a_week(session: Session, cast: Cast, now: datetime) -> None:
    _, secret = invitations.invite(
        session, email="nia@example.org", name="Nia", role=Role.SDR, actor=cast.alice, now=now
    )
    with pytest.raises(LoginRefused):
        invitations.accept(session, secret.token, name="Nia", password=PASSWORD, now=now + timedelta(days=8))


def test_by_a_link_nobody_gets_another_password_than_their_own(session: Session, cast: Cast, now: datetime) -> None:
    accounts.set_password(session, cast.sam, PASSWORD)
    _, secret = people.new_login_link(session, cast.sam.id, actor=cast.alice, now=now)
    with pytest.raises(InvalidInput, match="have a password already"):
        invitations.accept(session, secret.token, name="Sam", password="another password", now=now)


def test_a_role_is_changed_and_written_down(session: Session, cast: Cast, now: datetime) -> None:
    people.change_role(session, cast.sam.id, Role.MARKETER, actor=cast.alice, now=now)
    people.change_role(session, cast.sam.id, Role.MARKETER, actor=cast.alice, now=now)
    assert cast.sam.role is Role.MARKETER
    assert _log(session) == [f"role_changed: user {cast.sam.id} (sam@example.org): sdr to marketer"]


def test_the_last_admin_is_neither_disabled_nor_demoted(session: Session, cast: Cast, now: datetime) -> None:
    with pytest.raises(LastAdmin):
        people.disable(session, cast.alice.id, actor=cast.alice, now=now)
    with pytest.raises(LastAdmin):
        people.change_role(session, cast.alice.id, Role.SDR, actor=cast.alice, now=now)
    people.change_role(session, cast.mara.id, Role.ADMIN, actor=cast.alice, now=now)
    assert people.disable(session, cast.alice.id, actor=cast.mara, now=now).disabled_at == now


def test_two_admins_who_demote_each_other_at_once_leave_one(sessions: Sessions, now: datetime) -> None:
    with sessions.begin() as session:
        cast = make_cast(session, now=now)
        people.change_role(session, cast.mara.id, Role.ADMIN, actor=cast.alice, now=now)

    def demote(actor: User, other: User) -> bool:
        try:
            with sessions.begin() as session:
                people.change_role(session, other.id, Role.SDR, actor=actor, now=now)
        except LastAdmin:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(demote, (cast.alice, cast.mara), (cast.mara, cast.alice)))
    assert sorted(done) == [False, True]


def test_who_is_disabled_is_out_at_once_and_comes_back_without_tokens(
    session: Session, cast: Cast, now: datetime
) -> None:
    login = accounts.start_login(session, cast.sam, lifetime=timedelta(hours=1), now=now)
    token = accounts.make_token(session, cast.sam, name="t", now=now)
    _, link = people.new_login_link(session, cast.sam.id, actor=cast.alice, now=now)
    people.disable(session, cast.sam.id, actor=cast.alice, now=now)
    people.enable(session, cast.sam.id, actor=cast.alice, now=now)
    session.expire_all()
    assert accounts.logged_in(session, login.token, now=now) is None
    assert accounts.token_user(session, token.token, now=now) is None
    with pytest.raises(LoginRefused):
        accounts.use_login_link(session, link.token, now=now)
    assert [line.partition(":")[0] for line in _log(session)][:2] == ["user_enabled", "user_disabled"]


def test_a_disabled_user_gets_no_link(session: Session, cast: Cast, now: datetime) -> None:
    people.disable(session, cast.sam.id, actor=cast.alice, now=now)
    with pytest.raises(InvalidInput, match="Sam is disabled"):
        people.new_login_link(session, cast.sam.id, actor=cast.alice, now=now)
    with pytest.raises(NotFound, match="no user 999"):
        people.disable(session, 999, actor=cast.alice, now=now)


# --- oneself -------------------------------------------------------------------------------------------------------


def test_the_old_password_is_asked_for_and_counted(session: Session, cast: Cast, now: datetime) -> None:
    accounts.set_password(session, cast.sam, PASSWORD)
    here = accounts.start_login(session, cast.sam, lifetime=timedelta(hours=1), now=now)
    there = accounts.start_login(session, cast.sam, lifetime=timedelta(hours=1), now=now)
    with pytest.raises(WrongPassword):
        own_account.change_password(session, cast.sam, old="wrong", new="another password", now=now)
    own_account.change_password(session, cast.sam, old=PASSWORD, new="another password", keep=here.token, now=now)
    assert accounts.has_password(cast.sam, "another password")
    assert accounts.logged_in(session, here.token, now=now) is cast.sam
    assert accounts.logged_in(session, there.token, now=now) is None
    for _ in range(4):
        with pytest.raises(WrongPassword):
            own_account.change_password(session, cast.sam, old="wrong", new=PASSWORD, now=now)
    with pytest.raises(LoginThrottled):
        own_account.change_password(session, cast.sam, old="another password", new=PASSWORD, now=now)


def test_one_ends_ones_own_logins_and_nobody_elses(session: Session, cast: Cast, now: datetime) -> None:
    for _ in range(3):
        mine = accounts.start_login(session, cast.sam, lifetime=timedelta(hours=1), now=now)
    accounts.start_login(session, cast.sue, lifetime=timedelta(hours=1), now=now)
    hers = own_account.logins(session, cast.sue, now=now)[0]
    with pytest.raises(NotFound):
        own_account.end_login(session, cast.sam, hers.id, now=now)
    own_account.end_login(session, cast.sam, own_account.logins(session, cast.sam, now=now)[-1].id, now=now)
    assert own_account.end_other_logins(session, cast.sam, now=now, keep=mine.token) == 1
    assert accounts.logged_in(session, mine.token, now=now) is cast.sam
    assert own_account.logins(session, cast.sue, now=now) == [hers]


def test_a_login_that_nobody_uses_ends(session: Session, cast: Cast, now: datetime) -> None:
    secret = accounts.start_login(session, cast.sam, lifetime=timedelta(hours=72), now=now)
    idle = timedelta(hours=24)
    at_23 = accounts.find_login(session, secret.token, now=now + timedelta(hours=23), idle=idle)
    assert at_23 is not None
    accounts.touch_login(session, at_23, now=now + timedelta(hours=23))
    assert accounts.find_login(session, secret.token, now=now + timedelta(hours=46), idle=idle)
    assert accounts.find_login(session, secret.token, now=now + timedelta(hours=48), idle=idle) is None
    assert accounts.find_login(session, secret.token, now=now + timedelta(hours=48))


def test_one_revokes_ones_own_tokens_and_nobody_elses(session: Session, cast: Cast, now: datetime) -> None:
    secret = accounts.make_token(session, cast.sam, name="t", scopes=[Scope.DECIDE, Scope.READ], now=now)
    token = own_account.tokens(session, cast.sam)[0]
    assert token.scopes == "read decide"
    with pytest.raises(NotFound):
        own_account.revoke_token(session, cast.sue, token.id, now=now)
    own_account.revoke_token(session, cast.sam, token.id, now=now)
    assert accounts.token_user(session, secret.token, now=now) is None
    assert own_account.tokens(session, cast.sam) == []
    with pytest.raises(InvalidInput, match="Choose what"):
        accounts.make_token(session, cast.sam, name="t", scopes=[], now=now)


# --- the throttle and the log --------------------------------------------------------------------------------------


def _fail(session: Session, email: str, client: str, *, now: datetime) -> None:
    assert accounts.check_password(session, email=email, password="wrong", client=client, now=now) is None


def test_fifty_failures_from_one_network_close_it_for_all_addresses(
    session: Session, cast: Cast, now: datetime
) -> None:
    accounts.set_password(session, cast.sam, PASSWORD)
    for number in range(50):
        throttle.count_failure(session, f"guess{number}@example.org", "192.0.2.7", now=now)
    with pytest.raises(LoginThrottled):
        accounts.check_password(session, email=cast.sam.email, password=PASSWORD, client="192.0.2.7", now=now)
    for client, at in (("192.0.2.8", now), ("192.0.2.7", now + timedelta(minutes=16))):
        found = accounts.check_password(session, email=cast.sam.email, password=PASSWORD, client=client, now=at)
        assert found is cast.sam


def test_an_office_of_forty_typists_is_not_locked_out(session: Session, cast: Cast, now: datetime) -> None:
    accounts.set_password(session, cast.sam, PASSWORD)
    for number in range(40):
        throttle.count_failure(session, f"colleague{number}@example.org", "192.0.2.7", now=now)
    assert accounts.check_password(session, email=cast.sam.email, password=PASSWORD, client="192.0.2.7", now=now)


def test_one_household_of_ipv6_is_one_network(session: Session, cast: Cast, now: datetime) -> None:
    for number in range(50):
        throttle.count_failure(session, f"guess{number}@example.org", f"2001:db8:1:2::{number:x}", now=now)
    assert throttle.is_closed(session, cast.sam.email, "2001:db8:1:2:ffff::1", now=now)
    assert not throttle.is_closed(session, cast.sam.email, "2001:db8:1:3::1", now=now)
    assert not throttle.is_closed(session, cast.sam.email, "testclient", now=now)


def test_old_failures_are_forgotten(session: Session, now: datetime) -> None:
    _fail(session, "a@example.org", "192.0.2.7", now=now)
    _fail(session, "b@example.org", "192.0.2.7", now=now + timedelta(minutes=16))
    assert session.query(LoginFailure).count() == 1


def test_failed_logins_are_written_down_without_what_was_typed(session: Session, cast: Cast, now: datetime) -> None:
    _fail(session, "my-secret-password", "192.0.2.7", now=now)
    _fail(session, cast.sam.email, "192.0.2.7", now=now)
    _fail(session, cast.sam.email, "192.0.2.7", now=now)
    assert _log(session, action=AuditAction.LOGIN_FAILED) == [
        f"login_failed: user {cast.sam.id} (sam@example.org): 2 within 15 minutes",
        f"login_failed: user {cast.sam.id} (sam@example.org): 1 within 15 minutes",
        "login_failed: an unknown address: 1 within 15 minutes",
    ]


@pytest.mark.parametrize(
    "statement",
    [sa.update(AuditEntry).values(detail="nothing happened"), sa.delete(AuditEntry)],
    ids=["update", "delete"],
)
def test_nothing_in_the_log_can_be_changed_or_taken_away(
    session: Session, cast: Cast, now: datetime, statement: sa.Executable
) -> None:
    audit.record(session, cast.alice, AuditAction.EXPORTED, "leads", now=now)
    with pytest.raises(DBAPIError, match="append-only"):
        session.execute(statement)


def test_the_log_is_read_by_who_what_and_words_page_by_page(session: Session, cast: Cast, now: datetime) -> None:
    for number in range(5):
        audit.record(session, cast.alice, AuditAction.EXPORTED, f"leads {number}", "100 % of it", now=now)
    audit.record(session, cast.mara, AuditAction.CAMPAIGN_CHANGED, "campaign 3", now=now)
    assert len(_log(session, actor_id=cast.alice.id)) == 5
    assert _log(session, text="CAMPAIGN") == ["campaign_changed: campaign 3: "]
    assert len(_log(session, text="100 %")) == 5
    assert _log(session, text="1000_") == []
    first = audit.entries(session, Wanted(action=AuditAction.EXPORTED), limit=2)
    assert [entry.subject for entry in first] == ["leads 4", "leads 3", "leads 2"]
    day = timedelta(days=1)
    assert [
        len(_log(session, since=now, until=now + day)),
        len(_log(session, since=now + day)),
        len(_log(session, until=now)),
    ] == [6, 0, 0]
    assert len(list(audit.between(session, now, now + day))) == 6
    assert list(audit.between(session, None, now)) == []
    second = audit.entries(session, Wanted(action=AuditAction.EXPORTED), before=first[1].id, limit=2)
    assert [entry.subject for entry in second] == ["leads 2", "leads 1", "leads 0"]
