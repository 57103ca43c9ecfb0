"""The pages of people, oneself, notices and the audit log, and the same under /v1."""

import re
from datetime import timedelta

import pytest
from httpx2 import Response

from api.people_words import browser as browser_words
from api.security import LOGIN_COOKIE
from overheard.notifications import notices
from overheard.settings import MailSettings
from overheard.users import accounts, audit, people
from overheard.vocabulary import AuditAction, NoticeKind, Scope
from tests.api.conftest import Browser, World
from tests.loopback import mail_server

PASSWORD = "a long enough password"


def _secret(response: Response) -> str:
    found = re.search(r'id="secret"[^>]* value="([^"]+)"', response.text)
    assert found, response.text
    return found[1]


def test_an_admin_invites_and_the_invited_comes_in(world: World) -> None:
    alice, nia = world.browser(world.cast.alice), world.stranger()
    invited = alice.submit("/people", email="nia@example.org", name="Nia", role="marketer")
    path = "/" + _secret(invited).split("/", 3)[3]
    assert 'value="Nia"' in nia.get(path).text
    assert nia.get(path).status_code == 200  # looking uses nothing up
    refused = nia.submit(path, name="Nia", password="short")
    assert (refused.status_code, "12 to 1000 characters" in refused.text) == (422, True)
    assert nia.submit(path, name="Nia B", password=PASSWORD).headers["location"] == "/queue"
    assert "Nia B" in nia.get("/queue").text
    assert world.stranger().get(path).status_code == 401
    page = alice.get("/people").text
    assert "Nia B" in page
    assert _secret(invited) not in page
    again = alice.submit("/people", email="nia@example.org", name="Nia <b>", role="sdr")
    assert (again.status_code, "already" in again.text, "Nia &lt;b&gt;" in again.text) == (422, True, True)


def test_an_invitation_is_mailed_where_mail_goes_out(world: World) -> None:
    state = world.app.state.overheard
    alice = world.browser(world.cast.alice)
    with mail_server() as server:
        mail = MailSettings(host="127.0.0.1", port=server.server_address[1], security="none", sender="o@example.org")
        object.__setattr__(state, "settings", state.settings.model_copy(update={"mail": mail}))
        invited = alice.submit("/people", email="nia@example.org", name="Nia", role="sdr")
        assert "It was mailed to" in invited.text
        server.refuses = True
        assert "could not be mailed" in alice.submit("/people", email="b@example.org", name="B", role="sdr").text
    [(recipient, message)] = server.taken
    assert recipient == "nia@example.org"
    assert _secret(invited) in message.get_content()


def test_an_admin_changes_roles_and_lets_people_out_and_in(world: World) -> None:
    alice, sam = world.browser(world.cast.alice), world.browser(world.cast.sam)
    path = f"/people/{world.cast.sam.id}"
    assert alice.submit(f"{path}/role", role="ml_engineer").status_code == 303
    assert "ml engineer" in sam.get("/queue").text
    alice.submit(f"{path}/disable")
    assert sam.get("/queue").status_code == 303
    assert "disabled" in alice.submit(f"{path}/login-link").text
    alice.submit(f"{path}/enable")
    link = _secret(alice.submit(f"{path}/login-link"))
    assert world.stranger().get("/" + link.split("/", 3)[3]).status_code == 200
    last = alice.submit(f"/people/{world.cast.alice.id}/disable")
    assert (last.status_code, "last admin" in last.text) == (422, True)


def test_everybody_sees_and_ends_their_own_logins(world: World) -> None:
    agent = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"
    with world.sessions.begin() as session:
        link = accounts.make_login_link(session, world.cast.sam, now=world.now).token
    other = world.stranger()
    other.headers["User-Agent"] = agent
    other.get(f"/login/{link}")
    other.submit(f"/login/{link}")
    sam = world.browser(world.cast.sam)
    page = sam.get("/me").text
    assert "Firefox on Linux" in page
    assert "this browser" in page
    number = re.search(r"/me/logins/(\d+)/end", page)
    assert number
    assert world.browser(world.cast.sue).submit(f"/me/logins/{number[1]}/end").status_code == 404
    sam.submit(f"/me/logins/{number[1]}/end")
    assert other.get("/queue").status_code == 303
    third = world.browser(world.cast.sam)
    sam.submit("/me/logins/others/end")
    assert third.get("/queue").status_code == 303
    assert sam.get("/queue").status_code == 200


def test_a_password_is_changed_with_the_old_one_and_wrong_ones_are_counted(world: World) -> None:
    with world.sessions.begin() as session:
        accounts.set_password(session, session.merge(world.cast.sam), PASSWORD)
    sam = world.browser(world.cast.sam)
    new = {"new": "another long password", "again": "another long password"}
    assert "not typed the same" in sam.submit("/me/password", **{**new, "again": "x"}, old=PASSWORD).text
    for _ in range(5):
        assert "old password is not" in sam.submit("/me/password", **new, old="wrong").text
    assert sam.submit("/me/password", **new, old=PASSWORD).status_code == 429
    world.passes(timedelta(minutes=16))
    assert sam.submit("/me/password", **new, old=PASSWORD).status_code == 303
    assert sam.get("/me").status_code == 200  # this login stays


def test_a_name_is_changed(world: World) -> None:
    sam = world.browser(world.cast.sam)
    sam.submit("/me/name", name=" Samuel ")
    assert "Samuel" in sam.get("/queue").text
    assert sam.submit("/me/name", name="\u202e\u0000 ").status_code == 422


def test_a_token_is_shown_once_and_opens_what_its_scopes_hold(world: World) -> None:
    sam = world.browser(world.cast.sam)
    made = sam.submit("/me/tokens", name="crm", scopes="read", days=30)
    token = _secret(made)
    page = sam.get("/me").text
    assert token not in page
    assert "never used" in page
    refused = sam.submit("/me/tokens", name="none")
    assert (refused.status_code, "Choose what" in refused.text) == (422, True)
    program = Browser(world.app)
    program.headers["Authorization"] = f"Bearer {token}"
    assert program.get("/v1/queue").status_code == 200
    assert "last used" in sam.get("/me").text
    refused = program.post("/v1/leads/1/promote")
    assert (refused.status_code, refused.json()["error"]) == (403, "OutsideScope")
    assert "do not hold decide" in refused.json()["detail"]
    assert "promote" not in program.get("/v1/me").json()["may"]
    world.passes(timedelta(days=31))
    assert program.get("/v1/queue").status_code == 401


def test_a_login_ends_when_nobody_uses_it(world: World) -> None:
    with world.sessions.begin() as session:
        secret = accounts.start_login(session, world.cast.sam, lifetime=timedelta(hours=72), now=world.now)
    sam = Browser(world.app)
    sam.cookies.set(LOGIN_COOKIE, secret.token)
    for _ in range(2):
        world.passes(timedelta(hours=23))
        assert sam.get("/queue").status_code == 200
    world.passes(timedelta(hours=25))
    assert sam.get("/queue").status_code == 303


def test_the_bell_counts_what_is_unread_and_leads_there(world: World) -> None:
    lead = world.lead()
    with world.sessions.begin() as session:
        for number in range(2):
            text = f"Lead {lead} is yours now, {number}."
            notices.notify(session, world.cast.sam.id, NoticeKind.ASSIGNED, text, f"/leads/{lead}", world.now)
    sam = world.browser(world.cast.sam)
    assert '<span class="bell-count">2<' in sam.get("/queue").text
    page = sam.get("/notices").text
    assert f"Lead {lead} is yours now, 1." in page
    found = re.search(r"/notices/(\d+)/open", page)
    assert found
    assert world.browser(world.cast.sue).submit(f"/notices/{found[1]}/open").status_code == 404
    assert sam.submit(f"/notices/{found[1]}/open").headers["location"] == f"/leads/{lead}"
    assert '<span class="bell-count">1<' in sam.get("/queue").text
    sam.submit("/notices/read")
    assert "bell-count" not in sam.get("/queue").text


def test_a_digest_is_chosen_and_its_webhook_never_shown_again(world: World) -> None:
    sam = world.browser(world.cast.sam)
    hook = "https://hooks.slack.example/services/T/B/very-secret"
    response = sam.submit(
        "/me/digest", rhythm="weekdays", way="slack", hour=8, time_zone="Europe/Berlin", quiet_from="", hook=hook
    )
    assert response.status_code == 303
    page = sam.get("/me").text
    assert '<option value="weekdays" selected>' in page
    assert "one is kept" in page
    assert "very-secret" not in page
    assert sam.submit("/me/digest", rhythm="daily", way="mail").status_code == 422


def test_the_audit_log_is_filtered_and_paged(world: World) -> None:
    with world.sessions.begin() as session:
        for number in range(60):
            audit.record(session, world.cast.mara, AuditAction.EXPORTED, f"leads {number}", now=world.now)
        people.disable(session, world.cast.sue.id, actor=world.cast.alice, now=world.now)
    alice = world.browser(world.cast.alice)
    page = alice.get("/audit", params={"action": "exported", "actor": str(world.cast.mara.id), "text": "leads"})
    assert "leads 59<" in page.text
    assert "User disabled</b>" not in page.text
    older = re.search(r'href="(/audit\?[^"]*before=\d+)"', page.text)
    assert older
    second = alice.get(older[1].replace("&amp;", "&")).text
    assert "leads 0<" in second
    assert "leads 59<" not in second
    assert alice.get("/audit", params={"before": "x"}).status_code == 422


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        (None, "An unknown browser"),
        ("<script>alert(1)</script>", "An unknown browser"),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/140 Safari/537 Edg/140", "Edge on Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 19 like Mac OS X) Version/19 Safari/604", "Safari on iPhone"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 15) Chrome/140 Safari/537", "Chrome on a Mac"),
        ("curl/8", "An unknown browser"),
    ],
)
def test_a_browser_is_said_in_plain_words(agent: str | None, words: str) -> None:
    assert browser_words(agent) == words


# --- /v1 -----------------------------------------------------------------------------------------------------------


def test_a_program_keeps_users(world: World) -> None:
    alice = world.program(world.cast.alice)
    made = alice.post("/v1/users", json={"email": "nia@example.org", "name": "Nia", "role": "sdr"})
    assert made.status_code == 201
    nia = made.json()["user"]
    assert (nia["state"], "/welcome/" in made.json()["address"]) == ("invited", True)
    changed = alice.patch(f"/v1/users/{nia['id']}", json={"role": "marketer", "is_disabled": True}).json()
    assert (changed["role"], changed["state"]) == ("marketer", "disabled")
    assert alice.patch(f"/v1/users/{nia['id']}", json={}).status_code == 422
    assert alice.post(f"/v1/users/{nia['id']}/login-link").status_code == 422
    last = alice.patch(f"/v1/users/{world.cast.alice.id}", json={"is_disabled": True})
    assert (last.status_code, last.json()["error"]) == (422, "LastAdmin")
    assert [user["name"] for user in alice.get("/v1/users", params={"limit": 1}).json()["items"]] == ["Alice"]
    actions = [entry["action"] for entry in alice.get("/v1/audit", params={"text": "nia@"}).json()["items"]]
    assert actions == ["user_disabled", "role_changed", "user_invited"]


def test_a_token_gives_no_scope_that_it_does_not_have(world: World) -> None:
    with world.sessions.begin() as session:
        secret = accounts.make_token(session, world.cast.sam, name="t", scopes=[Scope.READ, Scope.ADMIN], now=world.now)
    program = Browser(world.app)
    program.headers["Authorization"] = f"Bearer {secret.token}"
    refused = program.post("/v1/tokens", json={"name": "more", "scopes": ["read", "decide"]})
    assert (refused.status_code, "scope decide itself" in refused.json()["detail"]) == (403, True)
    made = program.post("/v1/tokens", json={"name": "same", "scopes": ["read"], "days": 1})
    assert made.status_code == 201
    listed = program.get("/v1/tokens").json()["items"]
    assert [token["scopes"] for token in listed] == [["read", "admin"], ["read"]]
    assert program.post(f"/v1/tokens/{listed[1]['id']}/revoke").status_code == 200
    program.headers["Authorization"] = f"Bearer {made.json()['token']}"
    assert program.get("/v1/me").status_code == 401


def test_a_program_sees_to_its_user(world: World) -> None:
    sam = world.program(world.cast.sam)
    world.browser(world.cast.sam)
    assert sam.patch("/v1/me", json={"name": "Samuel"}).json()["name"] == "Samuel"
    assert sam.post("/v1/me/password", json={"new": PASSWORD}).status_code == 204
    wrong = sam.post("/v1/me/password", json={"old": "wrong", "new": PASSWORD})
    assert (wrong.status_code, wrong.json()["error"]) == (422, "WrongPassword")
    world.browser(world.cast.sam)
    assert len(sam.get("/v1/logins").json()["items"]) == 1
    assert sam.post("/v1/logins/end").json() == {"count": 1}
    assert sam.get("/v1/me/digest").json()["rhythm"] == "off"
    body = {"rhythm": "daily", "way": "slack", "hook": "https://hooks.slack.example/x"}
    assert sam.patch("/v1/me/digest", json=body).json()["rhythm"] == "daily"
    with world.sessions.begin() as session:
        notices.notify(session, world.cast.sam.id, NoticeKind.ANSWERED, "Lead 7 answered.", "/leads/7", world.now)
    assert [notice["link"] for notice in sam.get("/v1/notices").json()["items"]] == ["/leads/7"]
    assert sam.post("/v1/notices/read").json() == {"count": 1}


def test_programs_read_the_audit_log_of_some_days(world: World) -> None:
    with world.sessions.begin() as session:
        audit.record(session, world.cast.mara, AuditAction.EXPORTED, "leads", now=world.now)
    alice, day = world.program(world.cast.alice), world.now.date()

    def told(**params: str) -> list[str]:
        found = alice.get("/v1/audit", params={"action": "exported", **params})
        assert found.status_code == 200, found.text
        return [entry["subject"] for entry in found.json()["items"]]

    assert told(since=str(day), until=str(day)) == ["leads"]
    assert told(since=str(day + timedelta(days=1))) == []
    assert told(until="9999-12-31") == ["leads"]
    assert told(until=str(day - timedelta(days=1))) == []
    assert alice.get("/v1/audit", params={"since": "yesterday"}).status_code == 422
