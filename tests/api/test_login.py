"""Logging in and out, and nothing else that a stranger can get done."""

from datetime import timedelta

import pytest

from api.app import create_app
from api.security import LOGIN_COOKIE, VISIT_COOKIE, own_page
from overheard.models import LoginFailure, User
from overheard.users import accounts
from tests.api.conftest import Browser, World

PASSWORD = "a long enough password"


@pytest.fixture
def sam(world: World) -> User:
    with world.sessions.begin() as session:
        accounts.set_password(session, session.merge(world.cast.sam), PASSWORD)
    return world.cast.sam


def test_a_password_logs_in_and_leads_to_the_page_that_was_asked_for(world: World, sam: User) -> None:
    browser = world.stranger()
    turned_away = browser.get("/queue?intent=pain")
    login = turned_away.headers["location"]
    assert login == "/login?next=%2Fqueue%3Fintent%3Dpain"
    page = browser.get(login)
    assert 'name="next" value="/queue?intent=pain"' in page.text
    response = browser.submit("/login", email=sam.email.upper(), password=PASSWORD, next="/queue?intent=pain")
    assert (response.status_code, response.headers["location"]) == (303, "/queue?intent=pain")
    cookie = response.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "; secure" not in cookie
    assert browser.get("/queue").status_code == 200
    assert browser.get("/login").headers["location"] == "/queue"


def test_five_wrong_passwords_close_the_door_for_a_while(world: World, sam: User) -> None:
    browser = world.stranger()
    browser.get("/login")
    for _ in range(5):
        response = browser.submit("/login", email=sam.email, password="wrong")
        assert response.status_code == 401
        assert "do not fit together" in response.text
    with world.rows() as session:
        assert session.query(LoginFailure).count() == 5  # a refusal is committed, or it would count for nothing
    closed = browser.submit("/login", email=sam.email, password=PASSWORD)
    assert closed.status_code == 429
    assert "Wait a quarter of an hour" in closed.text
    world.passes(timedelta(minutes=16))
    assert browser.submit("/login", email=sam.email, password=PASSWORD).status_code == 303


def test_an_unknown_address_is_answered_like_a_wrong_password(world: World, sam: User) -> None:
    browser = world.stranger()
    browser.get("/login")
    unknown = browser.submit("/login", email="xxx@example.org", password="wrong")
    known = browser.submit("/login", email=sam.email, password="wrong")
    assert unknown.status_code == known.status_code == 401
    assert unknown.text.replace("xxx@example.org", sam.email) == known.text


def test_an_address_that_is_none_is_refused_and_harms_nothing(world: World) -> None:
    browser = world.stranger()
    browser.get("/login")
    for email in ("", "\x00", "a\x00b@example.org", "x" * 10_000, "'; DROP TABLE users;--", "\u202e"):
        assert browser.submit("/login", email=email, password="\x00" * 2000).status_code == 401


def test_a_link_logs_in_once(world: World) -> None:
    with world.sessions.begin() as session:
        link = accounts.make_login_link(session, world.cast.sam, now=world.now).token
    for _ in range(2):  # a mail scanner looks at it first
        assert "Log in as <bdi>Sam</bdi>" in world.stranger().get(f"/login/{link}").text
    browser = world.stranger()
    assert browser.post(f"/login/{link}").status_code == 403  # by no form of ours
    browser.get(f"/login/{link}")
    response = browser.submit(f"/login/{link}")
    assert (response.status_code, response.headers["location"]) == (303, "/queue")
    assert "Sam" in browser.get("/queue").text
    again = world.stranger().get(f"/login/{link}")
    assert again.status_code == 401
    assert "used already or is too old" in again.text
    assert "set-cookie" not in again.headers or LOGIN_COOKIE not in again.headers["set-cookie"]


def test_an_old_link_logs_nobody_in(world: World) -> None:
    with world.sessions.begin() as session:
        link = accounts.make_login_link(session, world.cast.sam, now=world.now - timedelta(hours=2)).token
    assert world.stranger().get(f"/login/{link}").status_code == 401


def test_logging_out_ends_the_login(world: World) -> None:
    browser = world.browser(world.cast.sam)
    token = browser.cookies[LOGIN_COOKIE]
    response = browser.submit("/logout")
    assert (response.status_code, response.headers["location"]) == (303, "/login")
    thief = world.stranger()
    thief.cookies.set(LOGIN_COOKIE, token)
    assert thief.get("/queue").status_code == 303


def test_a_login_ends_by_itself(world: World) -> None:
    browser = world.browser(world.cast.sam)
    world.passes(timedelta(hours=2))
    assert browser.get("/queue").headers["location"].startswith("/login")


def test_the_cookie_is_kept_to_https_where_the_settings_say_so(world: World) -> None:
    state = world.app.state.overheard
    settings = state.settings.model_copy(update={"secure_cookies": True})
    app = create_app(settings, engine=state.engine, clock=state.clock)
    with world.sessions.begin() as session:
        link = accounts.make_login_link(session, world.cast.sam, now=world.now).token
    browser = Browser(app)
    browser.cookies.set(VISIT_COOKIE, "visit")  # the real one is kept to HTTPS
    assert "; Secure" in browser.submit(f"/login/{link}").headers["set-cookie"]


ELSEWHERE = [
    "https://evil.example",
    "//evil.example/queue",
    "/\\evil.example",
    "\\\\evil.example",
    "/queue\r\nSet-Cookie: a=b",
    "javascript:alert(1)",
    "/logout",
    "/queue/../logout",
    "/login?next=//evil.example",
    "queue",
    "/leads/../../x",
    "/queue\u2028",
]


@pytest.mark.parametrize("address", ELSEWHERE)
def test_an_address_that_is_not_one_of_our_pages_becomes_the_queue(address: str) -> None:
    assert own_page(address) == "/queue"


@pytest.mark.parametrize(
    "address", ["/queue?stage=disqualified&after=abc", "/leads/12", "/campaigns", "/crm#crm-1", "/insights?by=week"]
)
def test_an_address_of_ours_is_kept(address: str) -> None:
    assert own_page(address) == address


def test_a_link_that_looks_like_ours_sends_nobody_elsewhere(world: World, sam: User) -> None:
    browser = world.stranger()
    for elsewhere in ELSEWHERE:
        page = browser.get("/login", params={"next": elsewhere})
        assert 'name="next" value="/queue"' in page.text
    response = browser.submit("/login", email=sam.email, password=PASSWORD, next="//evil.example/queue")
    assert response.headers["location"] == "/queue"
    lead = world.lead()
    promoted = browser.submit(f"/leads/{lead}/promote", back="//evil.example/queue")
    assert (promoted.status_code, promoted.headers["location"]) == (303, "/queue")
