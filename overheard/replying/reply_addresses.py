"""The address at which a reply of ours stands, as its writer pastes it: is it one, and one in the right thread?"""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from overheard.errors import InvalidInput
from overheard.links import recognise, unwrapped
from overheard.models import Post, Reply
from overheard.vocabulary import Platform


@dataclass(frozen=True, slots=True)
class ReplyAddress:
    """Where a reply stands."""

    remote_id: str
    permalink: str


# What of an address names its thread. Where nothing does, the host has to do.
_THREAD = {
    Platform.REDDIT: re.compile(r"/comments/([0-9a-z]+)"),
    Platform.GITHUB: re.compile(r"github\.com/([\w.-]+/[\w.-]+/(?:issues|discussions|pull)/\d+)"),
    Platform.DISCOURSE: re.compile(r"/t/(?:[^/?#]*[^/?#\d][^/?#]*/)?(\d+)"),
    Platform.SLACK: re.compile(r"/archives/(\w+)"),
    Platform.DISCORD: re.compile(r"/channels/(\d+/\d+)"),
}
# What an address must hold to be that of an answer, and not of the thread it stands in.
_OWN_PART = {
    Platform.REDDIT: re.compile(r"/comments/[0-9a-z]+/[^/?#]*/[0-9a-z]+"),
    Platform.GITHUB: re.compile(r"#(?:issuecomment|discussioncomment|discussion_r)-?\d+"),
}
_EVERYWHERE = frozenset({Platform.MASTODON})  # an answer stands at its writer's server, wherever that is
_SAME_PLACE = {
    "old.reddit.com": "reddit.com",
    "new.reddit.com": "reddit.com",
    "m.facebook.com": "facebook.com",
    "twitter.com": "x.com",
}


def checked_address(reply: Reply, post: Post | None, pasted: str) -> ReplyAddress:
    """The address as it is kept; `InvalidInput` says what is wrong with it."""
    if not pasted.strip():
        raise InvalidInput("Paste the address of your reply: open it at the platform and copy its link.")
    link = recognise(pasted)
    address = unwrapped(pasted.strip())
    target = post.permalink if post else None
    _check_host(reply.platform, target, address)
    if reply.platform in {Platform.REDDIT, Platform.HACKERNEWS} and link.platform is not reply.platform:
        raise InvalidInput(f"This is not the address of a post at {reply.platform.display}.")
    if link.external_id == reply.target or _bare(address) == _bare(target or ""):
        raise InvalidInput("This is the address of the post that you answered. Paste the address of your reply to it.")
    _check_thread(reply.platform, target, address)
    return ReplyAddress(link.external_id, link.permalink if "#" not in address else address)


def _check_host(platform: Platform, target: str | None, address: str) -> None:
    if target is None or platform in _EVERYWHERE:
        return
    wanted, found = _host(target), _host(address)
    if wanted != found:
        raise InvalidInput(f"The post stands at {wanted}, this address leads to {found}. Paste the one of your reply.")


def _check_thread(platform: Platform, target: str | None, address: str) -> None:
    pattern, own = _THREAD.get(platform), _OWN_PART.get(platform)
    if own and not own.search(address):
        raise InvalidInput(
            "This is the address of a whole thread. Open your reply's own link (its time, or “share”) and copy that."
        )
    wanted = pattern.search(target) if pattern and target else None
    found = pattern.search(address) if pattern else None
    if wanted and (found is None or found[1] != wanted[1]):
        raise InvalidInput(
            "This address is in another thread than the post that you answered. Paste that of your reply."
        )


def _host(address: str) -> str:
    host = (urlsplit(address).hostname or "").removeprefix("www.")
    return _SAME_PLACE.get(host, host)


def _bare(address: str) -> str:
    return address.partition("://")[2].removeprefix("www.").rstrip("/")
