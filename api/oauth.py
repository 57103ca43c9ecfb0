"""Connecting somebody's own account at a platform: the authorization code flow, with state, and PKCE where offered.

What a browser carries in between (state, verifier, instance) is signed and hangs on its login: nobody can finish what
another one began.
"""

import base64
import hashlib
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from urllib.parse import urlencode, urlsplit

import httpx

from overheard.errors import InvalidInput
from overheard.settings import Settings
from overheard.vocabulary import Platform

Web = Callable[[], httpx.Client]
"""A client for addresses that somebody typed: it asks the public internet only."""

_OK = 200


@dataclass(frozen=True, slots=True)
class Begun:
    """What was begun, until the browser comes back."""

    platform: Platform
    state: str
    verifier: str
    client_id: str
    client_secret: str
    instance: str = ""

    def packed(self) -> str:
        """As a text that can be signed."""
        return json.dumps(asdict(self))

    @classmethod
    def unpacked(cls, text: str) -> "Begun":
        """Back from that."""
        told = json.loads(text)
        return cls(**{**told, "platform": Platform(told["platform"])})


@dataclass(frozen=True, slots=True)
class Account:
    """An account as it is kept."""

    platform: Platform
    name: str
    secrets: Mapping[str, str]
    address: str = ""


def offered(settings: Settings) -> list[Platform]:
    """Platforms whose app stands in the settings."""
    told = settings.accounts
    apps = {
        Platform.SLACK: told.slack_client_id and told.slack_client_secret,
        Platform.REDDIT: told.reddit_client_id and told.reddit_client_secret,
        Platform.GITHUB: told.github_client_id and told.github_client_secret,
    }
    return [platform for platform, is_there in apps.items() if is_there]


def begin(settings: Settings, platform: Platform, *, back: str) -> tuple[str, Begun]:
    """Where the browser goes, and what to keep until it comes back to `back`."""
    if platform not in offered(settings):
        raise InvalidInput(
            f"No app for {platform.display} stands in the settings. An admin adds one: docs/sending.md says how."
        )
    told = settings.accounts
    id_, secret = {
        Platform.SLACK: (told.slack_client_id, told.slack_client_secret),
        Platform.REDDIT: (told.reddit_client_id, told.reddit_client_secret),
        Platform.GITHUB: (told.github_client_id, told.github_client_secret),
    }[platform]
    begun = _begun(platform, id_ or "", secret.get_secret_value() if secret else "")
    asked = {"client_id": begun.client_id, "redirect_uri": back, "state": begun.state, "response_type": "code"}
    if platform is Platform.SLACK:
        place = urlsplit(str(settings.slack.base_url))
        scopes = "chat:write,channels:history,groups:history,users:read"
        return f"{place.scheme}://{place.netloc}/oauth/v2/authorize?{urlencode({**asked, 'user_scope': scopes})}", begun
    if platform is Platform.REDDIT:
        more = {"duration": "permanent", "scope": "identity read history submit privatemessages"}
        return f"{str(settings.reddit.base_url).rstrip('/')}/api/v1/authorize?{urlencode({**asked, **more})}", begun
    more = {"scope": "public_repo", **_challenge(begun)}
    return f"{str(told.github_oauth_url).rstrip('/')}/authorize?{urlencode({**asked, **more})}", begun


def begin_mastodon(web: Web, instance: str, *, back: str) -> tuple[str, Begun]:
    """The same at an instance, which gives every program an app that asks for one."""
    url = site(instance)
    told = {"client_name": "Overheard", "redirect_uris": back, "scopes": "read write:statuses"}
    with web() as client:
        app = _answer(client.post(f"{url}/api/v1/apps", data=told), url)
    begun = _begun(Platform.MASTODON, _word(app, "client_id", url), _word(app, "client_secret", url), url)
    asked = {
        "client_id": begun.client_id, "redirect_uri": back, "state": begun.state, "response_type": "code",
        "scope": "read write:statuses", **_challenge(begun),
    }  # fmt: skip
    return f"{url}/oauth/authorize?{urlencode(asked)}", begun


def finish(settings: Settings, web: Web, begun: Begun, *, code: str, state: str, back: str) -> Account:
    """The account whose owner said yes. `InvalidInput` when the browser is not the one that began, or it was a no."""
    if not secrets.compare_digest(state.encode(), begun.state.encode()):
        raise InvalidInput("This did not begin in this browser. Connect the account again from its page.")
    if not code:
        raise InvalidInput(f"{begun.platform.display} was not allowed to connect the account. Nothing was kept.")
    told = {
        "grant_type": "authorization_code", "code": code, "redirect_uri": back, "client_id": begun.client_id,
        "client_secret": begun.client_secret, "code_verifier": begun.verifier,
    }  # fmt: skip
    try:
        with web() as client:
            return _FINISH[begun.platform](settings, client, begun, told)
    except httpx.HTTPError as error:
        raise InvalidInput(
            f"{begun.platform.display} cannot be reached ({type(error).__name__}). Connect the account again."
        ) from error


def _slack(settings: Settings, client: httpx.Client, _: Begun, told: Mapping[str, str]) -> Account:
    api = str(settings.slack.base_url).rstrip("/")
    answer = _answer(client.post(f"{api}/oauth.v2.access", data=dict(told)), "Slack")
    user, team = answer.get("authed_user"), answer.get("team")
    if not isinstance(user, dict) or not isinstance(team, dict):
        raise InvalidInput("Slack did not say whose account this is.")
    token = _word(user, "access_token", "Slack")
    who = _answer(client.post(f"{api}/auth.test", headers={"Authorization": f"Bearer {token}"}), "Slack")
    domain = (urlsplit(_word(who, "url", "Slack")).hostname or "").removesuffix(".slack.com")
    kept = {"me": _word(user, "id", "Slack"), "token": token, "team": _word(team, "id", "Slack"), "domain": domain}
    return Account(Platform.SLACK, f"{who.get('user') or kept['me']} at {domain}", kept, domain)


def _reddit(settings: Settings, client: httpx.Client, begun: Begun, told: Mapping[str, str]) -> Account:
    url = f"{str(settings.reddit.base_url).rstrip('/')}/api/v1/access_token"
    own = {name: told[name] for name in ("grant_type", "code", "redirect_uri")}
    answer = _answer(client.post(url, data=own, auth=(begun.client_id, begun.client_secret)), "Reddit")
    headers = {"Authorization": f"bearer {_word(answer, 'access_token', 'Reddit')}"}
    me = _answer(client.get(f"{str(settings.reddit.oauth_url).rstrip('/')}/api/v1/me", headers=headers), "Reddit")
    name = _word(me, "name", "Reddit")
    kept = {"me": name, "refresh_token": _word(answer, "refresh_token", "Reddit")}
    return Account(Platform.REDDIT, f"u/{name}", kept)


def _github(settings: Settings, client: httpx.Client, _: Begun, told: Mapping[str, str]) -> Account:
    url = f"{str(settings.accounts.github_oauth_url).rstrip('/')}/access_token"
    answer = _answer(client.post(url, data=dict(told), headers={"Accept": "application/json"}), "GitHub")
    token = _word(answer, "access_token", "GitHub")
    headers = {"Authorization": f"Bearer {token}"}
    me = _answer(client.get(f"{str(settings.services.github_url).rstrip('/')}/user", headers=headers), "GitHub")
    return Account(Platform.GITHUB, _word(me, "login", "GitHub"), {"me": str(me.get("id")), "token": token})


def _mastodon(_: Settings, client: httpx.Client, begun: Begun, told: Mapping[str, str]) -> Account:
    url = begun.instance
    token = _word(_answer(client.post(f"{url}/oauth/token", data=dict(told)), url), "access_token", url)
    headers = {"Authorization": f"Bearer {token}"}
    me = _answer(client.get(f"{url}/api/v1/accounts/verify_credentials", headers=headers), url)
    domain = _word(_answer(client.get(f"{url}/api/v2/instance"), url), "domain", url)
    key = f"{_word(me, 'acct', url)}@{domain}"
    kept = {"me": key, "token": token, "account_id": str(me.get("id")), "instance": domain}
    return Account(Platform.MASTODON, f"@{key}", kept, url)


_FINISH: dict[Platform, Callable[[Settings, httpx.Client, Begun, Mapping[str, str]], Account]] = {
    Platform.SLACK: _slack,
    Platform.REDDIT: _reddit,
    Platform.GITHUB: _github,
    Platform.MASTODON: _mastodon,
}


def bluesky(web: Web, handle: str, password: str, server: str) -> Account:
    """By an app password, which is tried at once."""
    url = site(server)
    told = {"identifier": handle.strip().removeprefix("@"), "password": password.strip()}
    with web() as client:
        answer = _answer(client.post(f"{url}/xrpc/com.atproto.server.createSession", json=told), "Bluesky")
    did, name = _word(answer, "did", "Bluesky"), _word(answer, "handle", "Bluesky")
    return Account(Platform.BLUESKY, f"@{name}", {"me": did, "app_password": told["password"]}, url)


def discourse(web: Web, forum: str, username: str, key: str) -> Account:
    """By a key that the forum made for this one user; with the user's name where an administrator made it."""
    url, name = site(forum), username.strip()
    headers = {"Api-Key": key.strip(), "Api-Username": name} if name else {"User-Api-Key": key.strip()}
    with web() as client:
        answer = _answer(client.get(f"{url}/session/current.json", headers=headers), "The forum")
    user = answer.get("current_user")
    if not isinstance(user, dict) or not isinstance(user.get("id"), int):
        raise InvalidInput("The forum does not take this key. Make a new one there.")
    place = url.partition("://")[2]
    kept = {"me": f"{place}:{user['id']}", "key": key.strip(), "username": name}
    return Account(Platform.DISCOURSE, f"{user.get('username')} at {place}", kept, url)


def site(typed: str) -> str:
    """An address as a person types it, without path."""
    text = typed.strip().rstrip("/")
    try:
        url = httpx.URL(text if "://" in text else f"https://{text}")
    except httpx.InvalidURL:
        url = httpx.URL("")
    if url.scheme not in {"http", "https"} or not url.host or url.userinfo:
        raise InvalidInput(f"{typed[:80]!r} is no address. Type it as it stands in your browser: town.example")
    return str(url.copy_with(query=None, fragment=None)).rstrip("/")


def _begun(platform: Platform, id_: str, secret: str, instance: str = "") -> Begun:
    return Begun(platform, secrets.token_urlsafe(24), secrets.token_urlsafe(48), id_, secret, instance)


def _challenge(begun: Begun) -> dict[str, str]:
    digest = hashlib.sha256(begun.verifier.encode()).digest()
    return {
        "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
    }


def _answer(response: httpx.Response, who: str) -> dict[str, object]:
    try:
        answer = response.json()
    except ValueError:
        answer = None
    if not isinstance(answer, dict) or response.status_code != _OK or answer.get("ok") is False or "error" in answer:
        told = answer.get("error") if isinstance(answer, dict) else None
        why = told if isinstance(told, str) else str(response.status_code)
        raise InvalidInput(f"{who} refuses ({why[:80]}). Nothing was kept; connect the account again.")
    return answer


def _word(answer: Mapping[str, object], name: str, who: str) -> str:
    value = answer.get(name)
    if not isinstance(value, str) or not value:
        raise InvalidInput(f"{who} answered in an unknown form, without {name}. Nothing was kept.")
    return value
