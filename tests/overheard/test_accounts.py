from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.errors import InvalidInput, NotFound
from overheard.models import ApiToken, Login, LoginLink, User
from overheard.users import accounts
from overheard.users.accounts import LoginRefused, LoginThrottled
from overheard.vocabulary import Role
from tests.factories import Cast

PASSWORD = "correct horse battery"


@pytest.fixture
def pat(session: Session, now: datetime) -> User:
    return accounts.add_user(session, email=" Pat@Example.org ", name="Pat", role=Role.SDR, password=PASSWORD, now=now)


def test_the_right_password_opens_in_any_case_of_the_address(session: Session, pat: User, now: datetime) -> None:
    assert accounts.check_password(session, email="PAT@example.ORG", password=PASSWORD, now=now) is pat


@pytest.mark.parametrize("password", ["wrong", "", "x" * 1_000_000, PASSWORD + " ", "\x00"])
def test_a_wrong_password_does_not(session: Session, pat: User, now: datetime, password: str) -> None:
    assert accounts.check_password(session, email=pat.email, password=password, now=now) is None


def test_an_unknown_address_is_answered_like_a_wrong_password(session: Session, now: datetime) -> None:
    assert accounts.check_password(session, email="nobody@example.org", password=PASSWORD, now=now) is None


def test_who_has_no_password_cannot_log_in_by_one(session: Session, cast: Cast, now: datetime) -> None:
    assert accounts.check_password(session, email=cast.sam.email, password="", now=now) is None


def test_after_five_wrong_passwords_even_the_right_one_waits(session: Session, pat: User, now: datetime) -> None:
    for _ in range(5):
        accounts.check_password(session, email=pat.email, password="wrong", now=now)
    with pytest.raises(LoginThrottled, match="Wait a quarter of an hour"):
        accounts.check_password(session, email=pat.email, password=PASSWORD, now=now)
    later = now + timedelta(minutes=16)
    assert accounts.check_password(session, email=pat.email, password=PASSWORD, now=later) is pat


def test_a_disabled_user_is_out_everywhere(session: Session, pat: User, now: datetime) -> None:
    login = accounts.start_login(session, pat, lifetime=timedelta(hours=1), now=now)
    token = accounts.make_token(session, pat, name="t", now=now)
    link = accounts.make_login_link(session, pat, now=now)
    pat.disabled_at = now
    session.flush()
    assert accounts.check_password(session, email=pat.email, password=PASSWORD, now=now) is None
    assert accounts.logged_in(session, login.token, now=now) is None
    assert accounts.token_user(session, token.token, now=now) is None
    with pytest.raises(LoginRefused):
        accounts.use_login_link(session, link.token, now=now)


def test_a_login_link_works_once(session: Session, pat: User, now: datetime) -> None:
    secret = accounts.make_login_link(session, pat, now=now)
    assert accounts.use_login_link(session, secret.token, now=now).id == pat.id
    with pytest.raises(LoginRefused, match="used already"):
        accounts.use_login_link(session, secret.token, now=now)


def test_a_login_link_works_for_an_hour(session: Session, pat: User, now: datetime) -> None:
    secret = accounts.make_login_link(session, pat, now=now)
    with pytest.raises(LoginRefused, match="too old"):
        accounts.use_login_link(session, secret.token, now=now + timedelta(minutes=61))


def test_a_login_ends_by_itself_and_by_hand(session: Session, pat: User, now: datetime) -> None:
    secret = accounts.start_login(session, pat, lifetime=timedelta(hours=1), now=now)
    assert accounts.logged_in(session, secret.token, now=now) is pat
    assert accounts.logged_in(session, secret.token, now=now + timedelta(hours=1)) is None
    accounts.end_login(session, secret.token)
    assert accounts.logged_in(session, secret.token, now=now) is None


def test_a_new_password_ends_all_logins(session: Session, pat: User, now: datetime) -> None:
    accounts.start_login(session, pat, lifetime=timedelta(hours=1), now=now)
    accounts.set_password(session, pat, "another long password")
    assert session.scalars(sa.select(Login)).all() == []


def test_a_token_opens_until_it_expires_or_is_revoked(session: Session, pat: User, now: datetime) -> None:
    secret = accounts.make_token(session, pat, name="  ", lifetime=timedelta(days=1), now=now)
    assert accounts.token_user(session, secret.token, now=now) is pat
    assert accounts.token_user(session, secret.token, now=now + timedelta(days=1)) is None
    assert accounts.token_user(session, "ovh_something", now=now) is None
    token = session.scalars(sa.select(ApiToken)).one()
    assert (token.name, token.prefix) == ("token", secret.token[:10])
    token.revoked_at = now
    session.flush()
    assert accounts.token_user(session, secret.token, now=now) is None


def test_no_secret_is_kept_in_clear(session: Session, pat: User, now: datetime) -> None:
    secrets = [
        accounts.make_token(session, pat, name="t", now=now).token,
        accounts.make_login_link(session, pat, now=now).token,
        accounts.start_login(session, pat, lifetime=timedelta(hours=1), now=now).token,
    ]
    session.flush()
    stored = [
        *session.scalars(sa.select(ApiToken.token_hash)),
        *session.scalars(sa.select(LoginLink.token_hash)),
        *session.scalars(sa.select(Login.token_hash)),
        pat.password_hash or "",
    ]
    assert not {*secrets, PASSWORD} & set(stored)
    assert (pat.password_hash or "").startswith("$argon2id$")


@pytest.mark.parametrize(
    ("email", "name", "password", "words"),
    [
        ("no-address", "N", None, "not an e-mail address"),
        ("@x", "N", None, "not an e-mail address"),
        ("a@" + "b" * 300, "N", None, "not an e-mail address"),
        ("a@b", " ", None, "1 to 120 characters"),
        ("a@b", "N", "short", "12 to 1000 characters"),
        ("pat@example.org", "N", None, "already"),
    ],
)
def test_a_user_that_cannot_be_is_refused_with_the_reason(
    session: Session, pat: User, now: datetime, email: str, name: str, password: str | None, words: str
) -> None:
    assert pat.id
    with pytest.raises(InvalidInput, match=words):
        accounts.add_user(session, email=email, name=name, role=Role.SDR, password=password, now=now)


def test_an_unknown_user_is_said_so(session: Session) -> None:
    with pytest.raises(NotFound, match=r"no user who@example\.org"):
        accounts.user_by_email(session, "who@example.org")
