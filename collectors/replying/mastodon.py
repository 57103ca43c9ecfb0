"""Replies on Mastodon, with Mastodon.py. Under an `Idempotency-Key` a second attempt would be harmless.

None is made all the same. Mastodon.py tells a limit and a good answer with an odd header by one exception, so what
happened is judged by the status that came in, and not by what the library made of it.
"""

from collections.abc import Mapping
from contextlib import closing

import requests
from mastodon import Mastodon
from mastodon.errors import MastodonError

from collectors.base import Tools
from collectors.http import JsonReader, retry_after
from collectors.markup import plain
from collectors.mastodon.statuses import LeftOut, id_of, key, read_status
from collectors.mastodon.stream import AGENT
from collectors.replying import rules
from collectors.replying.base import (
    Ask,
    Delivered,
    Get,
    HeardAnswer,
    Outgoing,
    SeenThread,
    Sender,
    SenderTools,
    UnclearError,
    heard_of,
    judge,
)
from collectors.rows import Row
from overheard.errors import CollectorError
from overheard.listening.posts import NewPost
from overheard.models import Source
from overheard.replying.conversations import Rules

_MOST = 40
_NOT_FOUND = frozenset({404, 410})


class GoneError(CollectorError):
    """There is no such status, or not any more."""


def on_refusal(status: int, _: object) -> CollectorError | None:
    """For the reader: what is gone is no failure."""
    return GoneError("There is no such status.", permanent=True) if status in _NOT_FOUND else None


def read_thread(get: Get, target: str) -> SeenThread:
    """What stands above and below a status."""
    instance, _, status_id = target.rpartition(":")
    try:
        status = get(f"v1/statuses/{status_id}", {})
        around = get(f"v1/statuses/{status_id}/context", {})
    except GoneError:
        return SeenThread([], None)
    found = read_status(status, instance=instance, community="Mastodon")
    if not isinstance(found, NewPost) or not isinstance(around, dict):
        return SeenThread([], None, is_hidden=isinstance(found, LeftOut))
    rows = [*_rows(around, "ancestors"), status, *_rows(around, "descendants")]
    read = [read_status(row, instance=instance, community="Mastodon") for row in rows]
    account = status.get("account") if isinstance(status, dict) else None
    handle = str(account.get("acct", "")) if isinstance(account, dict) else ""
    return SeenThread([post for post in read if isinstance(post, NewPost)], found, told={"handle": handle})


def _rows(around: Row, name: str) -> list[object]:
    rows = around.get(name)
    return rows if isinstance(rows, list) else []


def ask_thread(ask: Ask) -> SeenThread:
    """The same by a source's account."""
    with closing(_reader(ask.tools)) as reader:
        return read_thread(reader.get, ask.target)


def ask_rules(tools: Tools, _: Source) -> Rules:
    """An instance's rules."""
    with closing(_reader(tools)) as reader:
        return rules.of_mastodon(reader.get)


def _reader(tools: Tools) -> JsonReader:
    typed = tools.secrets.get("instance", "").strip().rstrip("/")
    url = typed if "://" in typed else f"https://{typed}"
    headers = {"Authorization": f"Bearer {tools.secrets.get('token', '')}", "User-Agent": AGENT}
    return JsonReader("Mastodon", f"{url}/api/", tools, headers=headers, on_refusal=on_refusal)


class MastodonSender(Sender):
    """Sends with the SDR's token, on the instance where the post was read."""

    def __init__(self, tools: SenderTools) -> None:
        """Nothing is asked for yet."""
        super().__init__(tools)
        self._url = tools.address.rstrip("/")
        token = tools.secrets.get("token", "")
        headers = {"Authorization": f"Bearer {token}", "User-Agent": AGENT}
        self._reader = JsonReader(
            "Mastodon", f"{self._url}/api/", tools.reading(), headers=headers, on_refusal=on_refusal
        )
        self._answered: requests.Response | None = None
        session = requests.Session()
        session.hooks["response"].append(self._note)
        self._session = session
        self._client = Mastodon(
            access_token=token, api_base_url=self._url, request_timeout=tools.settings.http_timeout,
            ratelimit_method="throw", version_check_mode="none", session=session, user_agent=AGENT,
        )  # fmt: skip

    def close(self) -> None:
        """Hang up."""
        self._reader.close()
        self._session.close()

    def thread(self, outgoing: Outgoing) -> SeenThread:
        """As the account sees it."""
        return read_thread(self._reader.get, outgoing.target)

    def post(self, outgoing: Outgoing, seen: SeenThread) -> Delivered:
        """`POST /api/v1/statuses`, once. Without a mention its writer would not hear of it."""
        instance, _, status_id = outgoing.target.rpartition(":")
        handle = seen.told.get("handle", "")
        mention = "" if not handle or f"@{handle}".casefold() in outgoing.text.casefold() else f"@{handle} "
        self._answered = None
        try:
            status = self._client.status_post(
                mention + outgoing.text, in_reply_to_id=status_id, visibility="public", idempotency_key=outgoing.key
            )
        except MastodonError as error:
            if self._answered is not None:
                wait = retry_after(self._answered.headers.get("Retry-After"), now=self._tools.clock())
                judge("Mastodon", self._answered.status_code, retry_after=wait)
            raise UnclearError(f"Mastodon did not answer as it should: {type(error).__name__}.") from None
        row = dict(status)
        if id_of(row) is None:
            raise UnclearError("Mastodon took the status and did not say which it is.")
        return _delivered(row, instance)

    def find(self, outgoing: Outgoing) -> Delivered | None:
        """Among the account's newest statuses."""
        instance, _, status_id = outgoing.target.rpartition(":")
        account = self._tools.secrets.get("account_id", "")
        rows = self._reader.get(f"v1/accounts/{account}/statuses", {"limit": _MOST, "exclude_reblogs": "true"})
        for row in rows if isinstance(rows, list) else []:
            if isinstance(row, dict) and str(row.get("in_reply_to_id")) == status_id:
                return _delivered(row, instance)
        return None

    def answers(self, cursor: str | None) -> tuple[list[HeardAnswer], str | None]:
        """Mentions among the notifications."""
        params: dict[str, str | int] = {"types[]": "mention", "limit": _MOST}
        answer = self._reader.get("v1/notifications", params | ({"since_id": cursor} if cursor else {}))
        rows = [row for row in answer if isinstance(row, dict)] if isinstance(answer, list) else []
        instance = self._tools.secrets.get("instance", "")
        posts = [read_status(row.get("status"), instance=instance, community="Mastodon") for row in rows]
        heard = [
            heard_of(post, post.parent_external_id)
            for post in posts
            if isinstance(post, NewPost) and post.parent_external_id
        ]
        return heard, str(rows[0]["id"]) if rows else cursor

    def _note(self, response: requests.Response, *_: object, **__: object) -> None:
        self._answered = response


def _delivered(row: Mapping[str, object], instance: str) -> Delivered:
    link = row.get("url") or row.get("uri")
    return Delivered(key(instance, id_of(row)), str(link) if link else None, plain(str(row.get("content") or "")))
