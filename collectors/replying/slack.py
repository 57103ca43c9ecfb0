"""Replies in Slack: a message in the thread, as the SDR, with the vendor's own client and none of its retries.

Slack knows no key that would make a second attempt harmless, but a message carries metadata: a random word by which it
is found again.
"""

from collections.abc import Callable, Mapping
from contextlib import closing

from slack_sdk.errors import SlackApiError, SlackClientError

from collectors.base import Tools
from collectors.formats.slack_text import Names
from collectors.http import retry_after
from collectors.replying import rules
from collectors.replying.base import (
    Ask,
    Delivered,
    Outgoing,
    Refused,
    SeenThread,
    Sender,
    SenderTools,
    UnclearError,
    limited,
)
from collectors.rows import Row
from collectors.slack.api import SlackApi, SlackError
from collectors.slack.messages import Place, order, read_message
from collectors.slack.names import Directory
from overheard.errors import CollectorError
from overheard.listening.posts import NewPost
from overheard.models import Source
from overheard.replying.conversations import Rules

Call = Callable[[str, Mapping[str, str | int]], Row]

EVENT = "overheard_reply"
_MOST = 200
_PAGES = 5

_LIMITED = 429
_SERVER_ERROR = 500
# "It's possible some aspect of the operation succeeded before the error was raised", says Slack of these.
_UNCLEAR = frozenset({"fatal_error", "internal_error", "request_timeout", "service_unavailable"})
_SHUT_OUT = frozenset(
    {
        "account_inactive", "access_denied", "invalid_auth", "missing_scope", "no_permission", "not_authed",
        "restricted_action", "restricted_action_thread_locked", "token_expired", "token_revoked", "user_is_bot",
    }
)  # fmt: skip


def read_thread(call: Call, target: str, *, domain: str = "", names: Names | None = None) -> SeenThread:
    """The thread that a message stands in, or would begin."""
    messages, place = _messages(call, target, domain, names)
    ts = target.rpartition(":")[2]
    posts = [post for message in messages if isinstance(post := read_message(message, place, "thread"), NewPost)]
    found = next((post for post in posts if post.external_id == place.message_id(ts)), None)
    root = found.parent_external_id if found else None
    return SeenThread(posts, found, told={"root": root.rpartition(":")[2]} if root else {})


def _messages(call: Call, target: str, domain: str, names: Names | None) -> tuple[list[Row], Place]:
    team, channel, ts = target.split(":", 2)
    place = Place(team, domain, channel, "Slack", names or Names({}, {}), frozenset())
    try:
        first = _replies(call, channel, ts)
        root = next((message.get("thread_ts") for message in first if message.get("ts") == ts), None)
        return (_replies(call, channel, str(root)) if root and root != ts else first), place
    except SlackError as error:
        if error.code in {"thread_not_found", "message_not_found"}:
            return [], place
        raise


def _replies(call: Call, channel: str, ts: str) -> list[Row]:
    found: list[Row] = []
    params: dict[str, str | int] = {"channel": channel, "ts": ts, "limit": _MOST, "include_all_metadata": 1}
    for _ in range(_PAGES):
        answer = call("conversations.replies", params)
        messages, metadata = answer.get("messages"), answer.get("response_metadata")
        if not isinstance(messages, list):
            raise SlackError("Slack answered conversations.replies in an unknown form: without messages.")
        found += [message for message in messages if isinstance(message, dict)]
        cursor = metadata.get("next_cursor") if isinstance(metadata, dict) else None
        if not cursor:
            break
        params["cursor"] = str(cursor)
    return list({str(message.get("ts")): message for message in found}.values())  # the root is on every page


def ask_thread(ask: Ask) -> SeenThread:
    """The same by a source's account."""
    with closing(SlackApi(ask.tools)) as api:
        return read_thread(api.call, ask.target, names=Directory(api, "").names)


def ask_rules(tools: Tools, source: Source) -> Rules:
    """What a channel says of itself."""
    with closing(SlackApi(tools)) as api:
        return rules.of_slack(api.call, source.address or "")


class SlackSender(Sender):
    """Sends with the SDR's user token: the message is theirs, not an app's."""

    def __init__(self, tools: SenderTools) -> None:
        """Nothing is asked for yet."""
        super().__init__(tools)
        self._api = SlackApi(tools.reading({"bot_token": tools.secrets.get("token", "")}))
        self._names = Directory(self._api, "").names

    def close(self) -> None:
        """Hang up."""
        self._api.close()

    def thread(self, outgoing: Outgoing) -> SeenThread:
        """As the SDR sees it."""
        team = outgoing.target.partition(":")[0]
        if team != self._tools.secrets.get("team", team):
            raise CollectorError("The post stands in another workspace than the account.", permanent=True)
        return read_thread(self._api.call, outgoing.target, names=self._names)

    def post(self, outgoing: Outgoing, seen: SeenThread) -> Delivered:
        """`chat.postMessage`, once."""
        team, channel, ts = outgoing.target.split(":", 2)
        root = seen.told.get("root", ts)
        metadata = {"event_type": EVENT, "event_payload": {"reply": outgoing.key}}
        try:
            answer = self._api.client.chat_postMessage(
                channel=channel, thread_ts=root, text=_escaped(outgoing.text), metadata=metadata
            )
        except SlackApiError as error:
            raise self._said_no(error) from None
        except (SlackClientError, ValueError, AttributeError, RecursionError) as error:
            raise UnclearError(f"Slack answered chat.postMessage in an unknown form: {type(error).__name__}.") from None
        sent = answer.get("ts")
        if not isinstance(sent, str):
            raise UnclearError("Slack took the message and did not say which it is.")
        return self._delivered(team, channel, {"ts": sent, "thread_ts": root})

    def find(self, outgoing: Outgoing) -> Delivered | None:
        """By the word in its metadata; or what the SDR has written in the thread since the target."""
        messages, _ = _messages(self._api.call, outgoing.target, "", None)
        team, channel, ts = outgoing.target.split(":", 2)
        ours = [message for message in messages if _key_in(message) == outgoing.key]
        later = [
            message
            for message in messages
            if message.get("user") == self.me and order(str(message.get("ts", "0"))) > order(ts)
        ]
        return next((self._delivered(team, channel, message) for message in [*ours, *later]), None)

    def _delivered(self, team: str, channel: str, message: Row) -> Delivered:
        ts, domain = str(message["ts"]), self._tools.secrets.get("domain", "")
        link = f"https://{domain}.slack.com/archives/{channel}/p{ts.replace('.', '')}" if domain else None
        if link and message.get("thread_ts"):
            link += f"?thread_ts={message['thread_ts']}&cid={channel}"
        return Delivered(f"{team}:{channel}:{ts}", link, _plain(str(message.get("text") or "")))

    def _said_no(self, error: SlackApiError) -> Exception:
        answer = error.response
        data: Row = answer.data if isinstance(answer.data, dict) else {}
        code = str(data.get("error", ""))
        headers = {name.lower(): value for name, value in answer.headers.items()}
        if answer.status_code == _LIMITED or code in {"ratelimited", "rate_limited", "message_limit_exceeded"}:
            return limited("Slack", retry_after(headers.get("retry-after"), now=self._tools.clock()))
        is_code = bool(code) and code.replace("_", "").isalnum()
        if answer.status_code >= _SERVER_ERROR or code in _UNCLEAR or not is_code:
            return UnclearError(f"Slack answered {answer.status_code} at chat.postMessage.")
        return Refused(f"Slack refuses the message: {code[:80]}. Nothing was sent.", pause=code in _SHUT_OUT)


def _key_in(message: Row) -> object:
    metadata = message.get("metadata")
    payload = metadata.get("event_payload") if isinstance(metadata, dict) else None
    return payload.get("reply") if isinstance(payload, dict) else None


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _plain(text: str) -> str:
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
